import keras
import numpy as np
import pytest

import zoo
from zoo.probes import activation_patterns, great_circle, line, most_activation_patterns, transitions

CURVE = great_circle(*np.random.default_rng(0).normal(size=(2, 6)), 201, turns=1)
NAMES = ("hidden_1", "hidden_2")


def images(model):
    """Outputs of the hidden layers by NumPy."""
    z, found = CURVE, []
    function = {"relu": lambda h: np.maximum(h, 0), "hard_tanh": lambda h: np.clip(h, -1, 1)}
    for layer in model.layers[1:-1]:
        kernel, bias = layer.get_weights()
        z = function[layer.activation.__name__](z @ kernel + bias)
        found.append(z)
    return found


def random(activation, **options):
    options = {"dim": 6, "width": 9, "depth": 2, "sigma_b": 0.3, "seed": 0, **options}
    return zoo.build("random_mlp", activation=activation, **options)


def changes(states):
    return int((states[1:] != states[:-1]).sum())


def test_units_that_cross_zero_once_per_half_turn():
    """u.x over a whole turn has two sign changes, whatever u."""
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(50, use_bias=False, name="linear")])
    assert transitions(model, CURVE) == {"linear": 100}


@pytest.mark.parametrize("batch_size", [2, 50, 1024])
@pytest.mark.parametrize("activation", ["relu", "hard_tanh"])
def test_counts_by_numpy_whatever_the_pieces(activation, batch_size):
    model = random(activation)
    z = images(model)
    region = (lambda y: y > 0) if activation == "relu" else (lambda y: (y >= 1) * 1 - (y <= -1))
    for kind, state in (("sign", lambda y: y > 0), ("linear_region", region)):
        expected = {name: changes(state(y)) for name, y in zip(NAMES, z, strict=True)}
        assert min(expected.values()) > 0
        assert transitions(model, CURVE, NAMES, kind, batch_size=batch_size) == expected
    patterns = np.concatenate([region(y) for y in z], axis=1)
    distinct = len(np.unique(patterns, axis=0))
    assert activation_patterns(model, CURVE, batch_size=batch_size) == distinct > 1


def test_saturation_is_the_linear_region_of_hard_tanh():
    model = random("hard_tanh", sigma_w=4.0)
    found = transitions(model, CURVE, NAMES, "saturation")
    assert found == transitions(model, CURVE, NAMES, "linear_region")
    # Through the middle at least twice as often as from sign to sign, but for where a step jumps over it.
    assert all(found[name] > transitions(model, CURVE, NAMES)[name] for name in NAMES)


def test_a_population_has_a_count_per_network():
    model = random("hard_tanh", networks=3)
    found = transitions(model, CURVE, networks=True, batch_size=20)
    for network in range(3):
        single = random("hard_tanh")
        single.set_weights([weight[network] for weight in model.get_weights()])
        assert {name: count[network] for name, count in found.items()} == transitions(single, CURVE)


def test_along_a_line_every_interval_has_a_pattern_of_its_own():
    """Corollary 2; so there is one pattern more than there are points of change."""
    model = random("relu", depth=1, width=5)
    way = line(*(5 * np.random.default_rng(1).normal(size=(2, 6))), 5001)
    crossings = transitions(model, way, ["hidden_1"], "linear_region")["hidden_1"]
    assert 1 + crossings == activation_patterns(model, way) <= most_activation_patterns(5, 1, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: transitions(m, CURVE, kind="signs"), "`kind` must be one of 'sign', 'saturation', 'linear_region'"),
        (lambda m: transitions(m, CURVE, kind="linear_region"), "'readout' with 'linear'"),
        (lambda m: transitions(m, CURVE, ["hidden_3"]), "hidden_2"),
        (lambda m: activation_patterns(m, CURVE, ["readout"]), "'readout' with 'linear'"),
        (lambda m: activation_patterns(m, CURVE[:1]), "2 points or more"),
        (lambda m: activation_patterns(random("tanh"), CURVE), "'hidden_1' with 'tanh'"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(random("relu"))
