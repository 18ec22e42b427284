import re

import keras
import numpy as np
import pytest

import zoo
from zoo.amplification.coin_graph import coin_graph
from zoo.layers import Amplify, BatchNormalization, CoinFlipDropout, MajorityVote

SMALL = {"input_shape": (8, 8, 1), "depth": 8}
BOTH = pytest.mark.parametrize("name", ["resnet20_cfnn", "resnet20_dropout"])
X = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1)).astype("uint8")


def of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.parametrize(("name", "depth"), [("resnet20_cfnn", 8), ("resnet20_cfnn", 14), ("resnet20_dropout", 20)])
def test_depth_counts_the_layers_of_the_longest_path(name, depth):
    model = zoo.build(name, input_shape=(8, 8, 1), depth=depth)
    convolutions = of(model, keras.layers.Conv2D)
    assert sum(layer.kernel_size == (3, 3) for layer in convolutions) == depth - 1
    assert sum(layer.kernel_size == (1, 1) for layer in convolutions) == 2  # two stages widen
    assert len(of(model, keras.layers.Dense)) == 1
    assert len(of(model, CoinFlipDropout)) == 3 * (depth - 2) // 6 + 1


@BOTH
@pytest.mark.parametrize("depth", [7, 9, 21, 2, 0, -4, 8.0, "20", None, True])
def test_other_depths_are_refused(name, depth):
    with pytest.raises(ValueError, match=rf"`depth` must .*Received: depth={depth!r}"):
        zoo.build(name, depth=depth)


@BOTH
def test_parameters_of_depth_20(name):
    def conv(size, inputs, filters):
        return size * size * inputs * filters

    kernels = conv(3, 3, 16) + 6 * conv(3, 16, 16)
    kernels += conv(3, 16, 32) + 5 * conv(3, 32, 32) + conv(1, 16, 32)
    kernels += conv(3, 32, 64) + 5 * conv(3, 64, 64) + conv(1, 32, 64)
    channels = (1 + 6) * 16 + (6 + 1) * 32 + (6 + 1) * 64  # each convolution has its batch normalisation
    model = zoo.build(name)
    assert model.input_shape == (None, 32, 32, 3)
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == kernels + 2 * channels + 64 * 10 + 10
    assert sum(np.prod(w.shape) for w in model.non_trainable_weights) == 2 * channels


def before(layer):
    """The layer whose output this one takes, the first of several."""
    tensor = layer.input[0] if isinstance(layer.input, list) else layer.input
    return tensor._keras_history.operation


def behind(layer):
    """The layers that take the output of this one."""
    return [node.operation for node in layer._outbound_nodes]


def test_a_coin_flips_the_same_before_a_relu_as_behind_it():
    x = keras.ops.convert_to_tensor(np.random.default_rng(1).standard_normal((50, 8)).astype("float32"))
    first, second = CoinFlipDropout(0.3, seed=1), CoinFlipDropout(0.3, seed=1)
    here, there = keras.ops.relu(first(x)), second(keras.ops.relu(x))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(here), keras.ops.convert_to_numpy(there))
    assert len(np.unique(keras.ops.convert_to_numpy(here) == 0)) == 2


def test_coins_flip_every_other_activation_and_precede_the_logits():
    model = zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), depth=14, samples=2)
    *coins, last = of(model, CoinFlipDropout)
    assert [type(before(coin)) for coin in coins] == [Amplify] + [BatchNormalization] * 5
    assert type(before(last)) is keras.layers.GlobalAveragePooling2D
    assert before(model.get_layer("logits")) is last


@BOTH
def test_the_default_is_dropout_after_the_inner_activations(name):
    def graph(model):
        return [(type(layer), [tuple(w.shape) for w in layer.weights]) for layer in model.layers]

    default, inner, outer = (zoo.build(name, seed=1, **SMALL, **more) for more in ({}, *map(after, ("inner", "outer"))))
    assert graph(default) == graph(inner) != graph(outer)
    for a, b, c in zip(default.get_weights(), inner.get_weights(), outer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.shape == c.shape


def after(which):
    return {"dropout_after": which}


@BOTH
@pytest.mark.parametrize(("which", "follows"), [("inner", BatchNormalization), ("outer", keras.layers.Add)])
def test_nine_coins_in_the_blocks_of_depth_20_and_one_before_the_logits(name, which, follows):
    model = zoo.build(name, input_shape=(8, 8, 1), depth=20, dropout_after=which)
    *coins, last = of(model, CoinFlipDropout)
    assert len(coins) == 9
    assert type(before(last)) is keras.layers.GlobalAveragePooling2D
    assert type(before(coins[0])) is Amplify
    assert {type(one) for one in [before(before(coins[0])), *map(before, coins[1:])]} == {follows}
    activations = {one for coin in coins for one in behind(coin)}
    assert [type(activation) for activation in activations] == [keras.layers.ReLU] * 9
    stem, *others = of(model, keras.layers.ReLU)
    assert len(others) == 18  # half of them without a coin
    assert stem not in activations


def test_outer_dropout_is_repeated_from_the_first_blocks_output_on():
    model = zoo.build("resnet20_cfnn", samples=3, seed=1, **after("outer"), **SMALL)
    graph = coin_graph(model)
    prefix, suffix = graph.prefix, graph.suffix
    assert (len(of(prefix, keras.layers.Conv2D)), len(of(suffix, keras.layers.Conv2D))) == (3, 6)
    classes = zoo.flips(model, X, 50)
    assert classes.shape == (6, 50)
    assert any(len(set(line)) > 1 for line in classes.tolist())


@pytest.mark.parametrize(("classes", "samples"), [(10, 25), (99, 25), (100, 125)])
def test_default_samples_follow_the_paper(classes, samples):
    model = zoo.build("resnet20_cfnn", classes=classes, **SMALL)
    assert {layer.samples for layer in of(model, (Amplify, MajorityVote))} == {samples}


@pytest.mark.parametrize(
    ("name", "vote", "flips", "samples"),
    [("resnet20_cfnn", "majority", True, 4), ("resnet20_dropout", "mean", False, 1)],
)
def test_coins_and_vote(name, vote, flips, samples):
    options = {"samples": 4} if name == "resnet20_cfnn" else {}
    model = zoo.build(name, rate=0.3, **options, **SMALL)
    assert {(coin.flip_at_inference, coin.rate) for coin in of(model, CoinFlipDropout)} == {(flips, 0.3)}
    (majority,) = of(model, MajorityVote)
    assert (majority.vote, majority.samples) == (vote, samples)


@BOTH
def test_weight_decay_is_the_coupled_one(name):
    model = zoo.build(name, weight_decay=0.01, **SMALL)
    kernels = [w for w in model.get_weights() if w.ndim > 1]
    assert len(kernels) == 7 + 2 + 1
    penalty = 0.01 / 2 * sum(np.sum(np.square(k, dtype="float64")) for k in kernels)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(sum(model.losses)), penalty, rtol=1e-5)
    assert zoo.build(name, **SMALL).losses == []


def test_images_are_normalised():
    model = zoo.build("resnet20_dropout", mean=[0.1, 0.2], variance=[0.25, 4.0], input_shape=(8, 8, 2), depth=8)
    (stem, *_) = of(model, keras.layers.Conv2D)
    x = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 2)).astype("uint8")
    seen = keras.ops.convert_to_numpy(keras.Model(model.input, stem.input)(x))
    np.testing.assert_allclose(seen, (x / 255 - [0.1, 0.2]) / [0.5, 2.0], atol=1e-5)


@BOTH
@pytest.mark.parametrize(
    ("argument", "value"),
    [("input_shape", value) for value in ((8, 8), (7, 8, 1), (8, 7, 1), (8, 8, 0), (8, None, 1), (8, 8, 1, 1))]
    + [("classes", value) for value in (1, 0, 2.0, None)]
    + [("rate", value) for value in (1.0, -0.1)]
    + [("weight_decay", value) for value in (-1.0, float("inf"), float("nan"))]
    + [("samples", value) for value in (0, 1.5)]
    + [("dropout_after", value) for value in ("both", None)],
)
def test_bad_options_are_refused(name, argument, value):
    if name == "resnet20_dropout" and argument == "samples":
        pytest.skip("has no samples")
    received = f"{value}" if argument == "input_shape" else f"{argument}={value!r}"
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: .*{re.escape(received)}"):
        zoo.build(name, **{**SMALL, argument: value})


def test_dropout_loads_the_weights_of_the_cfnn(tmp_path):
    cfnn = zoo.build("resnet20_cfnn", samples=3, seed=1, **SMALL)
    rng = np.random.default_rng(0)
    cfnn.set_weights([w * rng.uniform(0.5, 1.5, w.shape) for w in cfnn.get_weights()])  # statistics too
    cfnn.save_weights(tmp_path / "cfnn.weights.h5")
    dropout = zoo.build("resnet20_dropout", seed=2, **SMALL)
    dropout.load_weights(tmp_path / "cfnn.weights.h5")
    y = dropout.predict(X, verbose=0)
    np.testing.assert_allclose(y, zoo.amplify(cfnn, 1, "expected").predict(X, verbose=0), atol=1e-6)
    assert np.ptp(y, axis=0).max() > 1e-3


def test_the_prefix_runs_once_per_example():
    model = zoo.build("resnet20_cfnn", samples=3, rate=0.0, seed=1, **SMALL)
    graph = coin_graph(model)
    prefix, suffix, (majority,) = graph.prefix, graph.suffix, graph.votes
    assert (len(of(prefix, keras.layers.Conv2D)), len(of(suffix, keras.layers.Conv2D))) == (2, 7)
    hidden = prefix.predict(X, verbose=0)
    assert [h.shape for h in hidden] == [(6, 8, 8, 16)] * 2  # the branch and its shortcut
    logits = suffix.predict([np.repeat(h, 3, axis=0) for h in hidden], verbose=0)
    assert logits.shape == (18, 10)
    e = np.exp(logits.astype("float64"))
    soft = (e / e.sum(1, keepdims=True)).reshape(6, 3, 10).mean(1)
    y = model.predict(X, verbose=0)
    np.testing.assert_allclose(y, np.eye(10)[soft.argmax(1)], atol=1e-6)  # rate 0: one-hot
    assert majority is of(model, MajorityVote)[0]
