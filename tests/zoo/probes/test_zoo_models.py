"""The probes on whole models, against the outputs of their layers one by one."""

import functools

import keras
import numpy as np
import pytest
from few_on_jax import few_on_jax
from keras import ops

import zoo
from zoo.probes import (
    activation_patterns,
    great_circle,
    hold,
    line,
    nearest_flip,
    random_flips,
    trajectory_lengths,
    transitions,
)

IMAGES = line(*np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)), 24)


@functools.cache
def _model(name):
    if name == "resnet20_cfnn":
        return zoo.amplify(zoo.build(name, depth=8, input_shape=(8, 8, 3), seed=0), 1, "expected")
    if name == "conv6_iterand":
        return zoo.build(name, width=0.1, input_shape=(8, 8, 3), seed=0)
    keras.utils.set_random_seed(0)
    return keras.applications.MobileNet(
        (32, 32, 3), alpha=0.25, weights=None, classes=4, classifier_activation=None, name="mobilenet"
    )


def _trajectory(model):
    return IMAGES if model.name != "mobilenet" else line(*np.random.default_rng(1).uniform(-1, 1, (2, 32, 32, 3)), 12)


@pytest.fixture
def outputs(monkeypatch):
    """Function of a model and its inputs: what each of its layers returns in one eager call."""

    def record(model, *inputs):
        found = {}

        def keep(call, name, *args, **kwargs):
            y = call(*args, **kwargs)
            if not isinstance(y, tuple | list):
                found[name] = ops.convert_to_numpy(y).astype("float64")
            return y

        with monkeypatch.context() as patched:
            for layer in model.layers:
                patched.setattr(layer, "call", functools.partial(keep, layer.call, layer.name))
            model(inputs if len(inputs) > 1 else inputs[0], training=False)
        return found

    return record


def _length(y):
    return np.sqrt(np.square(np.diff(y.reshape(len(y), -1), axis=0)).sum(axis=1)).sum()


def _changes(states):
    return int((states[1:] != states[:-1]).sum())


def _layers(model, kinds):
    return [layer.name for layer in model.layers if type(layer).__name__ in kinds]


@pytest.mark.parametrize("name", few_on_jax(["resnet20_cfnn", "conv6_iterand", "mobilenet"], "resnet20_cfnn"))
def test_lengths_and_sign_changes_are_those_of_the_layers_outputs(name, outputs):
    model = _model(name)
    way = _trajectory(model)
    expected = outputs(model, way)
    kernels = _layers(model, ("Conv2D", "DepthwiseConv2D", "Dense", "ScoreMaskedConv", "ScoreMaskedDense"))
    assert len(kernels) >= 9
    lengths = trajectory_lengths(model, way, batch_size=7)
    assert set(lengths) == set(kernels)
    assert lengths == pytest.approx({layer: _length(expected[layer]) for layer in lengths}, rel=1e-3)
    assert min(lengths.values()) > 0
    found = transitions(model, way, batch_size=7)
    # Off by rounding where a neuron is next to zero at a point.
    assert found == pytest.approx({layer: _changes(expected[layer] > 0) for layer in lengths}, abs=2)
    assert sum(found.values()) > 100


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("resnet20_cfnn", ["ReLU"]),
        pytest.param("conv6_iterand", ["ReLU", "ScoreMaskedConv"], marks=pytest.mark.on_tensorflow),
        pytest.param("mobilenet", ["ReLU"], marks=pytest.mark.on_tensorflow),
    ],
)
def test_linear_regions_of_relu_layers(name, kinds, outputs):
    model = _model(name)
    way, kinks = _trajectory(model), {"mobilenet": (0, 6)}.get(name, (0,))
    names = [layer for layer in _layers(model, kinds) if _is_relu(model.get_layer(layer))]
    assert len(names) > 2
    expected = outputs(model, way)
    states = {
        layer: sum((expected[layer] > 0 if k == 0 else expected[layer] >= k) * 1 for k in kinks) for layer in names
    }
    found = transitions(model, way, names, "linear_region")
    assert found == pytest.approx({layer: _changes(states[layer]) for layer in names}, abs=2)
    patterns = np.concatenate([state.reshape(len(way), -1) for state in states.values()], axis=1)
    assert activation_patterns(model, way, names) == len(np.unique(patterns, axis=0)) > 2


def _is_relu(layer):
    return isinstance(layer, keras.layers.ReLU) or layer.activation is keras.activations.relu


@pytest.fixture(scope="module")
def hypernetwork():
    sizes = {"x_size": 6, "condition_size": 4, "width": 8, "hidden": (7,)}
    return zoo.build("mlp_hypernetwork", **sizes, seed=0)


def test_an_input_held_by_the_caller_as_one_row_or_by_a_model(hypernetwork, outputs):
    rng = np.random.default_rng(0)
    way, condition = great_circle(*rng.normal(size=(2, 6)), 101, turns=1), rng.normal(size=(1, 4)).astype("float32")
    expected = outputs(hypernetwork, way, np.repeat(condition, 101, axis=0))
    held = hold(hypernetwork, {"condition": condition[0]})
    for model, trajectory in ((hypernetwork, [way, condition]), (held, way)):
        lengths, signs = trajectory_lengths(model, trajectory), transitions(model, trajectory)
        at_rest = {"condition_hidden_1", "condition_hidden_2", "theta_1", "theta_2"}
        assert set(lengths) == {*at_rest, "primary_1", "primary_2"}
        assert lengths == pytest.approx({layer: _length(expected[layer]) for layer in lengths}, rel=1e-4, abs=1e-9)
        assert signs == {layer: _changes(expected[layer] > 0) for layer in signs}
        regions = _changes(expected["primary_1"] > 0)
        assert transitions(model, trajectory, ["primary_1"], "linear_region") == {"primary_1": regions}
        assert regions > 2
        hidden = np.concatenate([expected[n] > 0 for n in ("condition_hidden_1", "condition_hidden_2", "primary_1")], 1)
        assert activation_patterns(model, trajectory) == len(np.unique(hidden, axis=0)) > 2


def test_the_condition_may_move_and_x_stand_still(hypernetwork, outputs):
    rng = np.random.default_rng(1)
    x, way = rng.normal(size=(1, 6)).astype("float32"), great_circle(*rng.normal(size=(2, 4)), 50)
    expected = outputs(hypernetwork, np.repeat(x, 50, axis=0), way)
    lengths = trajectory_lengths(hypernetwork, [x, way])
    assert lengths == pytest.approx({layer: _length(expected[layer]) for layer in lengths}, rel=1e-4)
    assert trajectory_lengths(hold(hypernetwork, {"x": x[0]}), way) == pytest.approx(lengths, rel=1e-5)


def _whole_strings(model, x):
    """Outputs at each string and at its neighbours at distance 1, by whole evaluations: `(strings, 1 + bits)`."""
    count = x[0].size
    signs = np.concatenate([np.ones((1, count)), 1 - 2 * np.eye(count)]).reshape(1, 1 + count, *x.shape[1:])
    strings = (x[:, None] * signs).reshape(-1, *x.shape[1:]).astype("float32")
    return model.predict(strings, verbose=0, batch_size=64).reshape(len(x), -1)


def _margin(name):
    """A sign of what a model gives: the difference of its first two outputs, set between the values it takes."""
    model = _model(name)
    logits = model.output
    inputs = model.input
    if name == "resnet20_cfnn":  # its outputs are a vote's probabilities
        logits = ops.log(logits)
    x = np.random.default_rng(2).choice([-1.0, 1.0], (2, *model.input_shape[1:])).astype("float32")
    difference = ops.subtract(logits[:, :1], logits[:, 1:2])
    middle = float(np.median(keras.Model(inputs, difference).predict(x, verbose=0)))
    head = keras.layers.Dense(1, trainable=False, name="head")
    signed = keras.Model(inputs, head(difference))
    head.set_weights([np.full((1, 1), 100.0), np.array([-100 * middle])])
    return signed, x


@pytest.mark.parametrize("name", few_on_jax(["resnet20_cfnn", "conv6_iterand"], "resnet20_cfnn"))
def test_bits_that_change_the_sign_of_a_margin(name):
    model, x = _margin(name)
    y = _whole_strings(model, x)
    positive = y[:, :1] > 0
    assert len(np.unique(positive)) == 2
    other = ((y[:, 1:] > 0) != positive).any(axis=1)
    np.testing.assert_array_equal(nearest_flip(model, x, "exact", 1), np.where(other, 1, -1))
    greedy, walk = nearest_flip(model, x, max_distance=3), random_flips(model, x, 5)
    np.testing.assert_array_equal(greedy == 1, other)
    # The walks by their definition, Eq. 9.
    bits = x[0].size
    orders = np.random.default_rng(5).permuted(np.tile(np.arange(bits), (len(x), 1)), axis=1)
    for string, order, flips in zip(x, orders, walk, strict=True):
        turned = np.where(np.argsort(order)[None] < np.arange(bits + 1)[:, None], -1, 1).reshape(-1, *string.shape)
        signs = model.predict((string * turned).astype("float32"), verbose=0, batch_size=64)[:, 0] > 0
        changed = np.flatnonzero(signs != signs[0])
        assert flips == (changed[0] if len(changed) else bits)


@pytest.mark.parametrize("probe", [nearest_flip, random_flips])
def test_several_classes_have_no_sign(probe):
    model = _model("mobilenet")
    with pytest.raises(ValueError, match=r"`model` must have one output unit, a sign.+4"):
        probe(model, np.ones((1, 32, 32, 3)))


def test_networks_whose_convolutions_have_no_activation_of_their_own_have_no_patterns_by_default():
    with pytest.raises(ValueError, match=r"`layers` must name layers with an activation.+'mobilenet'"):
        activation_patterns(_model("mobilenet"), _trajectory(_model("mobilenet")))


def test_shared_draws_are_no_layers_of_the_curve():
    options = {"depth": 2, "embedding_dim": 16, "input_shape": (8, 8, 3), "samples": 3, "seed": 0}
    model = zoo.amplify(zoo.build("hypernet_cfnn", **options), 1, "expected")
    lengths = trajectory_lengths(model, IMAGES)
    assert list(lengths)[-2:] == ["embedding", "logits"]
    assert all(type(model.get_layer(layer)).__name__ in ("Conv2D", "Dense", "HyperDense") for layer in lengths)
    assert "theta" not in lengths
    with pytest.raises(ValueError, match="`layers` must give a row per point, 'theta'"):
        trajectory_lengths(model, IMAGES, ["theta"])
