"""hypernet_cfnn and models whose weights are draws shared by a batch: amplified, counted, averaged, exported."""

import keras
import numpy as np
import pytest

import zoo
from zoo.amplification.coin_graph import coin_graph
from zoo.blocks.residual import blocks_of
from zoo.layers import Amplify, HyperDense, MajorityVote, RandomInput, SharedDraws

SMALL = {"input_shape": (8, 8, 1), "classes": 4, "embedding_dim": 8}
X = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1)).astype("uint8")
# Of one input and 4 classes, no two logits equal; biases are 0.
KERNELS = np.array([[2.0, 0.1, 0.2, 0.3], [0.3, 2.0, 0.1, 0.2], [1.5, 0.1, 0.2, 1.0]])
POINTS = np.array([[1.0], [-1.0], [3.0]], "float32")


def drawn(samples=3, seed=0):
    """A classifier that is one of three with probability 1/3 each: its laws are known."""
    inputs = keras.Input((1,))
    return keras.Model(inputs, MajorityVote(samples)(drawn_logits(inputs, samples, seed)))


def drawn_logits(inputs, samples, seed):
    label = RandomInput(3, "categorical", seed=seed)(SharedDraws(samples)(inputs))
    theta = keras.layers.Dense(8, use_bias=False)
    parameters = theta(label)
    theta.set_weights([np.concatenate([KERNELS, np.zeros((3, 4))], axis=1)])
    return HyperDense(4, shared=True)([inputs, parameters])


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def logits_of_each(points=POINTS):
    """`(kernels, points, classes)`"""
    return points[None] * KERNELS[:, None]


def test_blocks_are_spread_first_stages_first():
    found = {depth: blocks_of(depth) for depth in (2, 6, 10, 14, 20, 56)}
    assert found == {2: (0, 0, 0), 6: (1, 1, 0), 10: (2, 1, 1), 14: (2, 2, 2), 20: (3, 3, 3), 56: (9, 9, 9)}


@pytest.mark.parametrize("depth", [0, 1, 7, -2, 6.0, True, "6", None])
@pytest.mark.parametrize("name", ["hypernet_cfnn", "hypernet_deterministic"])
def test_depth_outside_the_rule_is_refused(name, depth):
    with pytest.raises(ValueError, match="`depth` must be an even int >= 2"):
        zoo.build(name, **SMALL, depth=depth)


@pytest.mark.parametrize("depth", [2, 6, 10])
def test_parameters_layer_by_layer(depth):
    """Kernels and four numbers of batch normalisation per channel; D = 6 has stages of 16 and 32 channels."""

    def trunk(taps, channels, blocks):
        total, before = taps * channels * 16 + 4 * 16, 16
        for filters, count in zip((16, 32, 64), blocks, strict=True):
            for _ in range(count):
                total += taps * before * filters + taps * filters * filters + 8 * filters
                total += before * filters + 4 * filters if before != filters else 0
                before = filters
        return total, before

    e, classes = 256, 10
    embedding, width = trunk(9, 3, blocks_of(depth))
    embedding += width * e + e
    assert zoo.build("hypernet_deterministic", depth=depth).count_params() == embedding + e * classes + classes
    generators = [trunk(3, channels, (1, 1, 0)) for channels in (2, 3)]
    labels = 2 * (classes * e + e)
    heads = generators[0][1] * e + e + (generators[1][1] + 1) * (e * classes + classes)
    model = zoo.build("hypernet_cfnn", depth=depth)
    assert model.count_params() == embedding + sum(total for total, _ in generators) + labels + heads


def test_defaults_are_the_papers():
    model = zoo.build("hypernet_cfnn")
    assert coin_graph(model).samples == 25
    assert coin_graph(zoo.build("hypernet_cfnn", classes=100)).samples == 125
    noise = [layer for layer in model.layers if isinstance(layer, RandomInput)]
    assert sorted((layer.units, layer.distribution) for layer in noise) == [
        (10, "categorical"), (256, "uniform"), (256, "uniform"),
    ]  # fmt: skip


def test_the_embedding_is_computed_once_per_image():
    graph = coin_graph(zoo.build("hypernet_cfnn", **SMALL, samples=3))
    kinds = [{type(layer) for layer in half.layers} for half in (graph.prefix, graph.suffix)]
    assert keras.layers.Conv2D in kinds[0] - kinds[1]
    assert keras.layers.Conv1D in kinds[1] - kinds[0]
    assert graph.prefix.output_shape == (None, 8)


def test_every_draw_is_one_linear_layer_for_the_whole_batch():
    model = zoo.build("hypernet_cfnn", **SMALL, samples=5, seed=1)
    graph = coin_graph(model)
    many = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype("uint8")
    embedding = graph.prefix.predict(many, verbose=0)
    logits = graph.suffix.predict_on_batch(graph.rows([embedding], 7)).reshape(40, 7, 4)
    one = np.concatenate([embedding, np.ones((40, 1))], axis=1)
    for draw in range(7):
        fit = np.linalg.lstsq(one, logits[:, draw], rcond=None)[0]
        np.testing.assert_allclose(one @ fit, logits[:, draw], atol=1e-4)


@pytest.mark.parametrize(("samples", "chunk"), [(3, None), (3000, None), (3000, 700)])
@pytest.mark.parametrize("vote", ["majority", "mean"])
def test_votes_follow_the_law(samples, chunk, vote):
    each = logits_of_each()
    probabilities = (softmax(each) if vote == "mean" else np.eye(4)[each.argmax(-1)]).mean(0)
    model = zoo.amplify(drawn(), samples, vote, chunk=chunk)
    repeats = 200 if samples < 100 else 1
    found = np.mean([model.predict_on_batch(POINTS) for _ in range(repeats)], axis=0)
    assert np.abs(found - probabilities).max() < 5 * 0.5 / np.sqrt(samples * repeats) + 1e-5


def test_flips_are_shared_by_the_batch():
    flips = zoo.flips(drawn(), np.repeat(POINTS[:1], 4, axis=0), 50, batch_size=4)
    assert (flips == flips[:1]).all()
    assert len(np.unique(flips)) == 2  # the first and third kernel say class 0, the second class 1
    shares = np.mean(zoo.flips(drawn(), POINTS[:1], 4000) == 1)
    assert abs(shares - 1 / 3) < 5 * np.sqrt(2 / 9 / 4000)


def test_random_accuracy_counts_votes():
    results = zoo.random_accuracy(drawn(), POINTS[:1], [0], samples=[1, 501])
    assert results[1].correct == 1


def test_expected_is_the_mean_kernel():
    """Balanced classes make the mean exact up to 1,000 not being a multiple of 3."""
    expected = zoo.amplify(drawn(), 1, "expected")
    y = expected.predict(POINTS, verbose=0)
    np.testing.assert_allclose(y, softmax(POINTS @ KERNELS.mean(0, keepdims=True)), atol=2e-3)
    np.testing.assert_array_equal(expected.predict(POINTS, verbose=0), y)
    again = zoo.amplify(expected, 2000, "mean").predict(POINTS, verbose=0)
    assert np.abs(again - softmax(logits_of_each()).mean(0)).max() < 5 * 0.5 / np.sqrt(2000)


def test_expected_weights_of_the_model_are_the_mean_of_its_draws():
    model = zoo.build("hypernet_cfnn", **SMALL, samples=5, seed=1)
    graph = coin_graph(model)
    embedding = graph.prefix.predict(X, verbose=0)
    logits = graph.suffix.predict_on_batch(graph.rows([embedding], 4000)).reshape(6, 4000, 4)
    expected = zoo.amplify(model, 1, "expected").predict(X, verbose=0)
    # 1,000 against 4,000 draws: logits' standard errors, and a softmax moves by at most half a logit's change.
    error = logits.std(axis=1).max() * np.sqrt(1 / 1000 + 1 / 4000)
    assert np.abs(expected - softmax(logits.mean(1))).max() < 5 * 0.5 * error + 1e-4


def test_the_coins_are_shared_and_saved(tmp_path):
    model = drawn()
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    for _ in range(3):
        np.testing.assert_array_equal(zoo.flips(copy, POINTS, 20), zoo.flips(model, POINTS, 20))


def test_wrong_numbers_of_draws_are_refused_where_the_model_is_defined():
    inputs = keras.Input((1,))
    theta = keras.layers.Dense(4)(SharedDraws(5)(inputs))
    rows = HyperDense(2, shared=True)([inputs, theta])
    with pytest.raises(ValueError, match=r"`samples` must be .* samples=4, where 7 examples become 35 rows"):
        MajorityVote(4)(rows)
    assert keras.Model(inputs, MajorityVote(5)(rows)).predict(POINTS, verbose=0).shape == (3, 2)
    mean = HyperDense(2, shared=True, expected=True)([inputs, theta])
    assert keras.Model(inputs, MajorityVote(1)(mean)).predict(POINTS, verbose=0).shape == (3, 2)


def test_a_model_that_draws_beside_its_input_is_saved_after_use(tmp_path):
    inputs = keras.Input((1,))
    model = keras.Model(inputs, MajorityVote(3)(drawn_logits(inputs, 3, seed=1)))
    zoo.flips(model, POINTS, 5)
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").count_params() == model.count_params()


def test_rows_and_draws_do_not_mix():
    inputs = keras.Input((1,))
    theta = keras.layers.Dense(4)(SharedDraws(2)(inputs))
    with pytest.raises(ValueError, match="its rows are flips already: call it on the examples"):
        MajorityVote(4)(HyperDense(2, shared=True)([Amplify(2)(inputs), theta]))


@pytest.mark.on_tensorflow
def test_export_draws_as_many_as_asked_for(tmp_path):
    tf = pytest.importorskip("tensorflow")
    inputs = keras.Input((1, 1, 1))
    logits = drawn_logits(keras.layers.Flatten()(inputs), 3, seed=1)
    zoo.export(keras.Model(inputs, MajorityVote(3)(logits)), tmp_path / "saved")
    served = tf.saved_model.load(str(tmp_path / "saved"))
    images = tf.constant(POINTS.reshape(3, 1, 1, 1))
    served.reseed(tf.constant(5, "int64"))
    for samples in (1, 2000):
        histogram = served.vote(images, tf.constant(samples)).numpy() * samples
        np.testing.assert_allclose(histogram, np.rint(histogram), atol=0.01)
    each = logits_of_each()
    assert np.abs(histogram / 2000 - np.eye(4)[each.argmax(-1)].mean(0)).max() < 5 * 0.5 / np.sqrt(2000)
    assert np.abs(served.mean(images, tf.constant(2000)) - softmax(each).mean(0)).max() < 5 * 0.5 / np.sqrt(2000)
