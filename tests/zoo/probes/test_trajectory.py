import keras
import numpy as np
import pytest

import zoo
from zoo.probes import great_circle, line, refine, trajectory_lengths

CURVE = great_circle(*np.random.default_rng(0).normal(size=(2, 6)), 57)


def arc(points):
    return np.linalg.norm(np.diff(points, axis=0), axis=-1).sum()


def test_a_linear_layer_stretches_a_circle():
    double = keras.layers.Dense(2, use_bias=False, kernel_initializer=keras.initializers.Identity(2.0), name="double")
    model = keras.Sequential([keras.Input((2,)), double])
    circle = great_circle([1.0, 0], [0, 1.0], 1001, turns=1)
    assert trajectory_lengths(model, circle) == {"double": pytest.approx(4 * np.pi, rel=1e-5)}


@pytest.mark.parametrize("batch_size", [2, 7, 1024])
def test_lengths_by_numpy_whatever_the_pieces(batch_size):
    model = zoo.build("random_mlp", dim=6, width=9, depth=2, sigma_b=0.5, seed=0)
    found = trajectory_lengths(model, CURVE, batch_size=batch_size)
    z, weights = CURVE, model.get_weights()
    expected = {}
    for name, kernel, bias in zip(("hidden_1", "hidden_2", "readout"), weights[::2], weights[1::2], strict=True):
        h = z @ kernel + bias
        z = h if name == "readout" else np.clip(h, -1, 1)
        expected[name] = arc(z)
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, rel=1e-4)
    assert trajectory_lengths(model, CURVE, ["hidden_2"]) == pytest.approx({"hidden_2": expected["hidden_2"]}, rel=1e-4)


def test_a_population_has_a_length_per_network():
    model = zoo.build("random_mlp", dim=6, width=5, depth=2, networks=3, seed=0)
    found = trajectory_lengths(model, CURVE, networks=True, batch_size=10)
    for network in range(3):
        single = zoo.build("random_mlp", dim=6, width=5, depth=2)
        single.set_weights([weight[network] for weight in model.get_weights()])
        for name, length in trajectory_lengths(single, CURVE).items():
            assert found[name].shape == (3,)
            assert found[name][network] == pytest.approx(length, rel=1e-4)


def test_inputs_of_one_row_stand_still():
    sizes = {"x_size": 6, "condition_size": 4, "width": 8, "embedding_dim": 5}
    model = zoo.build("mlp_hypernetwork", **{key: sizes[key] for key in ("x_size", "condition_size", "width")}, seed=0)
    condition = np.random.default_rng(1).normal(size=(1, 4)).astype("float32")
    name = model.layers[-1].name
    found = trajectory_lengths(model, [CURVE, condition], [name])
    y = model.predict([CURVE, np.repeat(condition, len(CURVE), axis=0)], verbose=0)
    assert found[name] == pytest.approx(arc(y), rel=1e-4)


def test_coins_must_rest():
    images = line(np.zeros((8, 8, 3)), np.full((8, 8, 3), 255.0), 3)
    model = zoo.build("resnet20_cfnn", depth=8, input_shape=(8, 8, 3), seed=0)
    with pytest.raises(ValueError, match=r"`model` must not flip coins.*'expected'"):
        trajectory_lengths(model, images)
    lengths = trajectory_lengths(zoo.amplify(model, 1, "expected"), images)
    assert len(lengths) > 8
    assert all(length > 0 for length in lengths.values())


def test_a_layer_that_is_called_twice_has_no_one_length():
    x = keras.Input((6,))
    layer = keras.layers.Dense(6, name="twice")
    with pytest.raises(ValueError, match="'twice' is called 2 times"):
        trajectory_lengths(keras.Model(x, layer(layer(x))), CURVE)


@pytest.mark.parametrize(
    ("trajectory", "layers", "message"),
    [
        (CURVE, ["hidden"], "hidden_1"),
        (CURVE, [], "`layers` must name a layer"),
        (CURVE[:1], None, "2 points or more"),
        (CURVE[:0], None, "2 points or more"),
        (CURVE[:, :5], None, r"shape \('points', 6\)"),
        (np.where(CURVE > 1, np.nan, CURVE), None, "`trajectory` must be finite"),
        (CURVE[0], None, r"shape \('points', 6\)"),
        ([CURVE, CURVE], None, "must have 1 arrays"),
    ],
)
def test_what_does_not_fit_is_named(trajectory, layers, message):
    with pytest.raises(ValueError, match=message):
        trajectory_lengths(zoo.build("random_mlp", dim=6, seed=0), trajectory, layers)


def test_rows_that_are_folded_into_the_batch_are_no_points():
    """A time-distributed layer by hand: what it gives has a row per point and step."""
    x = keras.Input((4, 3))
    rows = keras.layers.Lambda(lambda y: keras.ops.reshape(y, (-1, 3)), output_shape=(3,))(x)
    model = keras.Model(x, keras.layers.Dense(5, name="folded")(rows))
    trajectory = np.random.default_rng(0).normal(size=(8, 4, 3)).astype("float32")
    with pytest.raises(ValueError, match=r"`layers` must give a row per point, 'folded' of .* does not"):
        trajectory_lengths(model, trajectory)
    with pytest.raises(ValueError, match=r"`layers` must give a row per point, 'folded' of .* does not"):
        refine(model, lambda t: np.multiply.outer(t, trajectory[0]), points=9)
