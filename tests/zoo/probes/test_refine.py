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


def _dips(depths, activation=None, slope=1.0):
    """One unit per pair of a place and a depth: slope (|t - place| - depth), negative within `depth` of the place."""
    places, depths = np.array(depths).T
    inputs = keras.Input((1,))
    both = keras.layers.Dense(2 * len(places), "relu", name="both")
    units = keras.layers.Dense(len(places), activation, name="units")
    model = keras.Model(inputs, units(both(inputs)))
    ones = np.ones(len(places))
    both.set_weights([np.concatenate([ones, -ones])[None], np.concatenate([-places, places])])
    units.set_weights([slope * np.tile(np.eye(len(places)), (2, 1)), -slope * depths])
    return model


def _on_the_line(t):
    return line([0.0], [1.0], t)


@pytest.mark.parametrize(("activation", "slope"), [(None, 1.0), ("hard_tanh", 1000.0), ("relu", 1.0), ("tanh", 1000.0)])
def test_dips_between_the_points_are_found_with_few_more_of_them(activation, slope):
    model = _dips([(0.3, 1e-4), (0.71, 2e-4), (0.9, 1e-2)], activation, slope)
    assert transitions(model, _on_the_line(17), ["units"])["units"] == 0
    t = refine(model, _on_the_line, ["units"], points=17)
    assert transitions(model, _on_the_line(t), ["units"])["units"] == 6
    assert len(t) < 60


def test_what_only_looks_like_a_dip_is_left_alone():
    model = _dips([(0.3, -0.02), (0.71, -0.05)])  # they turn above zero
    t = refine(model, _on_the_line, ["units"], points=17)
    assert transitions(model, _on_the_line(t), ["units"])["units"] == 0
    assert len(t) < 40


def test_units_that_cross_once_need_no_more_points():
    t = refine(_teeth([0.21, 0.4, 0.77]), _on_the_line, points=17)
    np.testing.assert_array_equal(t, np.linspace(0, 1, 17))


def test_the_pieces_change_nothing():
    model = zoo.build("random_mlp", dim=3, width=12, depth=4, sigma_w=4.0, seed=5)
    whole, pieces = (
        refine(model, lambda t: great_circle([1.0, 0, 0], [0, 1.0, 0], t, turns=1), points=65, batch_size=size)
        for size in (10**4, 7)
    )
    assert len(whole) > 65
    assert len(np.setxor1d(whole, pieces)) < len(whole) / 20  # products of another size round otherwise


@pytest.mark.parametrize(
    ("sigma_w", "depth", "width", "networks"), [(2.0, 8, 64, None), (4.0, 6, 64, None), (4.0, 3, 12, 3)]
)
@pytest.mark.on_tensorflow
def test_the_counts_of_hidden_layers_are_those_of_a_million_points(sigma_w, depth, width, networks):
    model = zoo.build("random_mlp", dim=3, width=width, depth=depth, sigma_w=sigma_w, networks=networks, seed=5)
    several = networks is not None

    def curve(t):
        return great_circle([1.0, 0, 0], [0, 1.0, 0], t, turns=1)

    layers = [f"hidden_{number}" for number in range(1, depth + 1)]
    t = refine(model, curve, layers)
    found = transitions(model, curve(t), layers, networks=several)
    exact = transitions(model, curve(10**6), layers, networks=several, batch_size=2**15)
    coarse = transitions(model, curve(65), layers, networks=several)
    assert len(t) < 10**4
    for name, count in exact.items():
        assert np.sum(found[name]) == pytest.approx(np.sum(count), rel=0.01)
        assert (np.asarray(found[name]) <= count).all()
    assert np.sum(coarse[layers[-1]]) < np.sum(exact[layers[-1]])


def test_giving_up_warns_and_says_how_far_it_got():
    model = zoo.build("random_mlp", dim=3, width=30, depth=9, sigma_w=6.0, seed=5)
    with pytest.warns(UserWarning, match="not converged to 1e-05 within most_points=500: at .* may be missed"):
        t = refine(
            model, lambda t: great_circle([1.0, 0, 0], [0, 1.0, 0], t), points=100, most_points=500, tolerance=1e-5
        )
    assert 100 <= len(t) <= 500


@pytest.mark.parametrize(("key", "value"), [("tolerance", 0.0), ("points", 1), ("most_points", 16), ("kind", "none")])
def test_bad_arguments_are_named(key, value):
    model = _teeth([0.5])
    with pytest.raises(ValueError, match=f"`{key}`"):
        refine(model, lambda t: line([0.0], [1.0], t), **{"points": 17, key: value})


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        (np.zeros((5, 1)), "`curve` must be a function"),
        (lambda t: np.zeros((7, 1)), "a point for each position. Received: \\[7\\] for"),
    ],
)
def test_what_is_no_curve_is_refused(curve, message):
    with pytest.raises(ValueError, match=message):
        refine(_teeth([0.5]), curve)


@pytest.mark.parametrize("t", [np.array([0.0, 1.5]), np.zeros((2, 2)), np.array([]), [0.0, np.nan], [-1]])
def test_positions_on_a_curve_are_checked(t):
    with pytest.raises(ValueError, match="`points` must be positions in \\[0, 1\\]"):
        line([0.0], [1.0], t)


def test_positions_give_the_points_of_equal_steps():
    np.testing.assert_array_equal(line([0.0], [2.0], np.linspace(0, 1, 5)), line([0.0], [2.0], 5))
    np.testing.assert_array_equal(line([0.0], [2.0], [0, 0.25]), [[0.0], [0.5]])


@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_saturation_is_that_of_the_output(activation):
    """A unit whose pre-activation swings about -1 changes no state, and must not loosen the tolerance."""
    inputs = keras.Input((2,))
    units = keras.layers.Dense(2, activation, name="units")
    model = keras.Model(inputs, units(inputs))
    units.set_weights([np.eye(2), np.zeros(2)])

    def curve(t):
        peak = np.maximum(0, 1.2 - np.abs(t - 0.5037) * 400)
        return np.stack([-1 + 0.2 * np.sin(500 * t), peak], axis=1)

    t = refine(model, curve, ["units"], "saturation", points=1025)
    assert transitions(model, curve(t), ["units"], "saturation")["units"] == 2
