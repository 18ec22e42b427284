import keras
import numpy as np
import pytest

import zoo
from zoo.probes import great_circle, line, refine, transitions


def _teeth(zeros, width=1):
    """One tanh unit per place where it changes sign on the line from 0 to 1."""
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dense(len(zeros), name="units")(inputs))
    model.get_layer("units").set_weights([np.ones((1, len(zeros))), -np.asarray(zeros, float)])
    return model


def _wave(centres, half_width):
    """One unit that is positive within `half_width` of the centres only: a grid misses what lies between its points."""
    inputs = keras.Input((1,))
    edges = np.sort(np.concatenate([np.asarray(centres) - half_width, np.asarray(centres) + half_width]))
    steps = keras.layers.Dense(len(edges), "hard_tanh", name="edges")
    readout = keras.layers.Dense(1, name="wave")
    model = keras.Model(inputs, readout(steps(inputs)))
    steep = 1e7
    steps.set_weights([np.full((1, len(edges)), steep), -steep * edges])
    signs = np.where(np.arange(len(edges)) % 2 == 0, 1.0, -1.0)
    readout.set_weights([signs[:, None], np.array([-0.5])])
    return model


def test_positions_are_dense_only_where_something_was_missed():
    model = _wave([0.3, 0.300012], 2e-6)
    coarse = transitions(model, np.linspace(0, 1, 33)[:, None], ["wave"])["wave"]
    assert coarse == 0
    fine = np.linspace(0, 1, 2**18 + 1)[:, None]
    assert transitions(model, fine, ["wave"], batch_size=2**16)["wave"] == 4


def test_a_unit_that_crosses_once_needs_no_more_points_than_the_check():
    model = _teeth([0.21, 0.4, 0.77])
    t = refine(model, lambda t: line([0.0], [1.0], t), points=17)
    assert len(t) == 65  # two halvings of everything: the first brought nothing to light, the second is the check
    assert (np.diff(t) > 0).all()
    assert (t[0], t[-1]) == (0, 1)
    assert transitions(model, line([0.0], [1.0], t))["units"] == 3


@pytest.mark.parametrize(
    ("sigma_w", "depth", "width", "networks"), [(2.0, 8, 64, None), (4.0, 6, 64, None), (4.0, 3, 12, 3)]
)
def test_the_counts_of_hidden_layers_are_those_of_a_million_points(sigma_w, depth, width, networks):
    model = zoo.build("random_mlp", dim=3, width=width, depth=depth, sigma_w=sigma_w, networks=networks, seed=5)
    several = networks is not None

    def curve(t):
        return great_circle([1.0, 0, 0], [0, 1.0, 0], t, turns=1)

    layers = [f"hidden_{number}" for number in range(1, depth + 1)]
    t = refine(model, curve, layers, tolerance=0.005, networks=several)
    found = transitions(model, curve(t), layers, networks=several)
    exact = transitions(model, curve(10**6), layers, networks=several, batch_size=2**15)
    coarse = transitions(model, curve(65), layers, networks=several)
    assert len(t) < 10**6 / 20
    for name, count in exact.items():
        assert np.sum(found[name]) == pytest.approx(np.sum(count), rel=0.01)
        assert (np.asarray(found[name]) <= count).all()
    assert np.sum(coarse[layers[-1]]) < np.sum(exact[layers[-1]])


def test_giving_up_warns_and_says_how_far_it_got():
    model = zoo.build("random_mlp", dim=3, width=30, depth=9, sigma_w=6.0, seed=5)
    with pytest.warns(UserWarning, match="not converged to 1e-05 within most_points=500"):
        t = refine(
            model, lambda t: great_circle([1.0, 0, 0], [0, 1.0, 0], t), points=100, most_points=500, tolerance=1e-5
        )
    assert 100 <= len(t) <= 500


@pytest.mark.parametrize(
    ("key", "value"), [("tolerance", 0.0), ("points", 1), ("most_points", 16), ("kind", "none"), ("networks", "yes")]
)
def test_bad_arguments_are_named(key, value):
    model = _teeth([0.5])
    with pytest.raises(ValueError, match=f"`{key}`"):
        refine(model, lambda t: line([0.0], [1.0], t), **{"points": 17, key: value})


@pytest.mark.parametrize("t", [np.array([0.0, 1.5]), np.zeros((2, 2)), np.array([])])
def test_positions_on_a_curve_are_checked(t):
    with pytest.raises(ValueError, match="`points` must be positions in \\[0, 1\\]"):
        line([0.0], [1.0], t)


def test_positions_give_the_points_of_equal_steps():
    np.testing.assert_array_equal(line([0.0], [2.0], np.linspace(0, 1, 5)), line([0.0], [2.0], 5))
