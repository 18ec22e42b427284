"""The probes on models of every make: nested, shared, recurrent, of several outputs, of 16 bits."""

import itertools

import keras
import numpy as np
import pytest
from few_on_jax import few_on_jax

import zoo
from zoo.layers import CoinFlipDropout, ScoreMaskedDense
from zoo.probes import (
    activation_patterns,
    dichotomies,
    great_circle,
    hold,
    nearest_flip,
    random_flips,
    trajectory_lengths,
    transitions,
)

DENSE = keras.layers.Dense
WAY = great_circle(*np.random.default_rng(0).normal(size=(2, 7)), 101)
X = np.random.default_rng(1).choice([-1.0, 1.0], (5, 7)).astype("float32")


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


def _nearest(model, x):
    """Distance to the nearest of all strings that is of the other class, -1 where all are of one."""
    strings = np.array(list(itertools.product([-1, 1], repeat=x.shape[1])), "float32")
    positive, mine = (keras.ops.convert_to_numpy(model(s, training=False))[:, 0] > 0 for s in (strings, x))
    distances = (strings[None] != x[:, None]).sum(axis=-1)
    found = np.where(positive[None] != mine[:, None], distances, 99).min(axis=1)
    return np.where(found == 99, -1, found)


def _length(y):
    return np.linalg.norm(np.diff(np.asarray(y, "float64").reshape(len(y), -1), axis=0), axis=1).sum()


def _model(*layers):
    x = inputs = keras.Input((7,))
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def _lora():
    layer = DENSE(12, "relu", name="first")
    model = _model(layer, DENSE(1))
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(np.random.default_rng(0).normal(size=layer.lora_kernel_b.shape))
    return model


def _nested():
    base = keras.Sequential([keras.Input((7,)), DENSE(9, "relu", name="inner"), DENSE(8, "tanh")], name="base")
    return _model(base, DENSE(1, name="head"))


def _twice():
    layer = DENSE(7, "relu", name="twice")
    return _model(layer, layer, DENSE(1, name="head"))


def _normalised():
    layers = [DENSE(12, use_bias=False), keras.layers.BatchNormalization(name="norm"), keras.layers.ReLU(), DENSE(1)]
    model = _model(*layers)
    rng = np.random.default_rng(0)
    layers[1].set_weights([rng.uniform(0.5, 2, 12) if i in (0, 3) else rng.normal(size=12) for i in range(4)])
    return model


def _recurrent():
    return _model(keras.layers.Reshape((7, 1)), keras.layers.LSTM(5), DENSE(1, name="head"))


def _in_a_list():
    inputs = keras.Input((7,))
    return keras.Model([inputs], [DENSE(1, name="head")(keras.ops.square(keras.ops.add(inputs, 0.5)))])


def _masked():
    return _model(ScoreMaskedDense(12, activation="relu", seed=0, name="masked"), DENSE(1))


BUILDERS = [_lora, _nested, _twice, _normalised, _recurrent, _in_a_list, _masked]


@pytest.mark.parametrize("build", few_on_jax(BUILDERS, _twice, _recurrent))
def test_flips_are_those_of_the_whole_model(build):
    model = build()
    flat = keras.Model(model.inputs[0], model.outputs[0])
    np.testing.assert_array_equal(nearest_flip(model, X, "exact"), _nearest(flat, X))
    assert (random_flips(model, X, 0) >= np.abs(_nearest(flat, X))).all()
    last = model.layers[-1].name
    assert trajectory_lengths(model, WAY, [last])[last] == pytest.approx(
        _length(flat.predict(WAY, verbose=0)), rel=1e-3
    )


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_sixteen_bits(policy):
    with_policy = {"dtype": policy}
    model = _model(DENSE(12, "relu", name="d", **with_policy), DENSE(1, name="head", **with_policy))
    y = keras.Model(model.input, model.get_layer("d").output).predict(WAY, verbose=0)
    assert trajectory_lengths(model, WAY)["d"] == pytest.approx(_length(y), rel=1e-3)
    regions = int(((y > 0)[1:] != (y > 0)[:-1]).sum())
    assert transitions(model, WAY, ["d"], "linear_region") == {"d": regions}
    assert activation_patterns(model, WAY) == len(np.unique(y > 0, axis=0))
    assert nearest_flip(model, X, "exact").shape == random_flips(model, X, 0).shape == (5,)
    assert 1 <= dichotomies(model, X, "d", 20, seed=0) <= 20


def test_a_sequence_of_words():
    inputs = keras.Input((5,), dtype="int32")
    words = keras.layers.Embedding(7, 3, mask_zero=True, name="words")(inputs)
    model = keras.Model(inputs, DENSE(1, name="head")(keras.layers.LSTM(4, name="lstm")(words)))
    texts = np.random.default_rng(0).integers(0, 7, (20, 5))
    lengths = trajectory_lengths(model, texts, ["words", "lstm", "head"])
    table = keras.ops.convert_to_numpy(model.get_layer("words").embeddings)
    assert lengths["words"] == pytest.approx(_length(table[texts]), rel=1e-5)
    assert lengths["head"] == pytest.approx(_length(model.predict(texts, verbose=0)), rel=1e-3)


@pytest.mark.on_tensorflow
def test_regions_of_relu6_and_of_activations_that_are_layers():
    wide = {"kernel_initializer": keras.initializers.RandomNormal(0, 5, seed=0)}
    plain = _model(DENSE(30, name="d", **wide))
    h = WAY @ plain.layers[1].get_weights()[0]
    six, two = np.digitize(h, [0, 6], right=True), (h > 0) * 1
    for activation, states in (("relu6", six), (keras.layers.ReLU(6), six), (keras.layers.ReLU(), two)):
        model = _model(DENSE(30, activation, name="d", **wide))
        model.set_weights(plain.get_weights())
        assert transitions(model, WAY, kind="linear_region")["d"] == int((states[1:] != states[:-1]).sum())
        assert activation_patterns(model, WAY) == len(np.unique(states, axis=0))
    assert (six[1:] != six[:-1]).sum() > (two[1:] != two[:-1]).sum()
    with pytest.raises(ValueError, match="'d' with 'relu up to 3'"):
        transitions(_model(DENSE(3, keras.layers.ReLU(3), name="d")), WAY, kind="linear_region")


def test_inputs_in_a_dict_are_held_by_name():
    a, b = keras.Input((7,), name="a"), keras.Input((7,), name="b")
    total = DENSE(1, name="sum")(keras.layers.Concatenate()([a, b]))
    model = keras.Model({"b": b, "a": a}, {"y": total})
    held = hold(model, {"b": X[0]})
    kernel = model.get_layer("sum").get_weights()[0]
    expected = _length(WAY @ kernel[:7])
    assert trajectory_lengths(held, WAY) == {"sum": pytest.approx(expected, rel=1e-4)}
    assert trajectory_lengths(model, [WAY, X[:1]]) == {"sum": pytest.approx(expected, rel=1e-4)}
    flat = keras.Model(held.inputs[0], held.outputs[0])
    np.testing.assert_array_equal(nearest_flip(held, X, "exact"), _nearest(flat, X))


def test_a_layer_named_twice_is_measured_once():
    model = _model(DENSE(4, name="d"))
    assert trajectory_lengths(model, WAY, ["d", "d"]) == trajectory_lengths(model, WAY)


def _states():
    inputs = keras.Input((7, 1))
    y, h, _ = keras.layers.LSTM(4, return_sequences=True, return_state=True, name="states")(inputs)
    return keras.Model(inputs, [y, DENSE(1)(h)])


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: trajectory_lengths(_states(), WAY[..., None], ["states"]), "must have one output, 'states' has 3"),
        (lambda: trajectory_lengths(_model(CoinFlipDropout(0.5), DENSE(1)), WAY), "`model` must not flip coins"),
        (
            lambda: trajectory_lengths(_model(_model(CoinFlipDropout(0.5)), DENSE(1)), WAY),
            "`model` must not flip coins",
        ),
        (lambda: nearest_flip(_model(_model(CoinFlipDropout(0.5)), DENSE(1)), X), "`model` must not flip coins"),
        (lambda: trajectory_lengths(_nested(), WAY, ["inner"]), "Allowed: base, head"),
        (lambda: trajectory_lengths(_twice(), WAY), "'twice' is called 2 times"),
        (lambda: trajectory_lengths(_model(_model(DENSE(1))), WAY), "none with a kernel in its own graph"),
        (lambda: trajectory_lengths(keras.Sequential([DENSE(1)]), WAY), "a Sequential one that is built"),
        (lambda: trajectory_lengths(None, WAY), "`model` must be a Functional model"),
        (lambda: trajectory_lengths(_model(DENSE(1, name="d")), WAY, "d"), "`layers` must be a list of names"),
        (lambda: activation_patterns(_model(DENSE(1)), WAY), "`layers` must name layers with an activation"),
        (lambda: nearest_flip(_model(_model(DENSE(1, "sigmoid"))), X), "must give a logit"),
        (lambda: random_flips(_model(DENSE(1), keras.ops.sigmoid), X), "must give a logit"),
        (lambda: dichotomies(_lora(), X, "first", 9), "no weights but kernel and bias.+lora"),
        (lambda: dichotomies(_masked(), X, "masked", 9), "'masked', a ScoreMaskedDense"),
        (lambda: nearest_flip(_model(DENSE(2)), X), "`model` must have one output unit"),
    ],
)
def test_what_has_no_answer_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_model_of_means_of_a_coin_has_the_layers_with_drawn_kernels():
    model = zoo.amplify(zoo.build("stochastic_mlp", hidden=(8, 6), seed=0), 1, "expected")
    assert list(trajectory_lengths(model, WAY[:, :2])) == ["hidden_1", "hidden_2", "logits"]
