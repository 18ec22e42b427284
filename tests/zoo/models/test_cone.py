"""The cone classifier against closed forms and against cones drawn by NumPy."""

import warnings
from statistics import NormalDist

import keras
import numpy as np
import pytest

import zoo

FLIPS = 20_000


def frequencies(model, x):
    return zoo.flips(model, x.astype("float32"), FLIPS, chunk=5000).mean(axis=1)


def identity():
    """f'(x) = x."""
    layer = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)
    return keras.Sequential([keras.Input((1,)), layer])


def test_a_line_by_its_closed_form():
    """x > 0 is in the cone of (t, t) of slope 1 if t >= x / 2, x < 0 if t <= x / 2; elsewhere a fair coin."""
    model = zoo.build("cone_cfnn", function=identity(), spread=2.0, samples=1, seed=0)
    x = np.array([[-3.0], [-0.2], [0.5], [1.0], [4.0]])
    p = 0.5 + np.sign(x[:, 0]) * [0.5 * (1 - NormalDist().cdf(abs(v) / 4)) for v in x[:, 0]]
    assert np.abs(frequencies(model, x) - p).max() < 5 * 0.5 / np.sqrt(FLIPS)


@pytest.mark.parametrize(("dim", "zeta", "slope"), [(1, "uniform", 1.0), (3, "normal", 1.0), (4, "uniform", 1.5)])
def test_the_default_by_drawing_its_cones(dim, zeta, slope):
    spread = 0.8
    rng = np.random.default_rng(dim)
    t = spread * (rng.normal(size=(400_000, dim)) if zeta == "normal" else rng.uniform(-1, 1, (400_000, dim)))
    height = np.abs(t).sum(axis=1) - 1
    x = rng.normal(size=(5, dim)) * 0.7
    inside = [slope * np.abs(point - t).sum(axis=1) <= np.abs(height) for point in x]
    p = [0.5 + 0.5 * np.mean(within * np.sign(height)) for within in inside]
    model = zoo.build("cone_cfnn", dim=dim, zeta=zeta, spread=spread, lipschitz=slope, samples=1, seed=1)
    assert np.abs(frequencies(model, x) - p).max() < 5 * 0.5 * np.sqrt(1 / FLIPS + 1 / len(t))


def test_most_flips_are_right_where_cones_reach():
    model = zoo.build("cone_cfnn", dim=2, spread=1.0, samples=5001, seed=0)
    x = np.array([[0, 0], [0.2, -0.3], [0.8, 0.9], [-2, 0.5]], "float32")
    assert model.predict(x, verbose=0).argmax(1).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("dim", [1, 6])
def test_two_neurons_per_dimension_and_one(dim):
    generator = keras.Sequential([keras.Input((dim,)), keras.layers.Dense(7, "tanh"), keras.layers.Dense(1)])
    model = zoo.build("cone_cfnn", dim=dim, function=generator, lipschitz=100.0)
    assert zoo.complexity(model) == (2 * dim + 1, 7 + 1 + 2 * dim + 1)
    assert len(model.trainable_weights) == 4  # of f' alone


def test_coins_off_is_the_sign_of_f_at_the_mean_point():
    off = zoo.amplify(zoo.build("cone_cfnn", dim=3, zeta="uniform", samples=5), 1, "expected")
    y = off.predict(np.random.default_rng(0).normal(size=(4, 3)), verbose=0)
    np.testing.assert_allclose(y[:, 1], 1 / (1 + np.exp(1)), atol=1e-6)  # f'(0) = -1


def test_a_model_of_its_own_is_saved_with_it(tmp_path):
    model = zoo.build("cone_cfnn", function=identity(), samples=51, seed=3)
    model.save(tmp_path / "cone.keras")
    x = np.linspace(-1, 1, 7, dtype="float32")[:, None]
    copy = keras.models.load_model(tmp_path / "cone.keras")
    np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_slope_above_the_constant_is_warned_of_with_both():
    with pytest.warns(UserWarning, match=r"measured 1.*lipschitz=0\.5"):
        zoo.build("cone_cfnn", dim=3, lipschitz=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        zoo.build("cone_cfnn", dim=3, lipschitz=1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "`dim` must be"),
        ({"lipschitz": 0}, "`lipschitz` must be"),
        ({"spread": -1}, "`spread` must be"),
        ({"zeta": "cauchy"}, "`zeta` must be one of 'normal', 'uniform'"),
        ({"samples": 0}, "`samples` must be"),
        ({"function": abs}, "`function` must be None or a Keras layer or model"),
        ({"function": keras.layers.Rescaling(float("nan"))}, "`function` must give finite numbers"),
        ({"dim": 2, "function": keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])}, "`function` must take"),
        ({"function": keras.layers.Dense(2)}, r"`function` must give \(rows, 1\)"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        zoo.build("cone_cfnn", **options)


def test_every_flip_has_a_sign_in_16_bits():
    """Of one number in 256 bfloat16 would make one half, and of its sign 0: the score were f'(t) alone."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("bfloat16")
    try:
        line = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros", use_bias=False)])
        model = zoo.build("cone_cfnn", function=line, samples=1, seed=0)
    finally:
        keras.config.set_dtype_policy(before)
    logits = zoo.flips(model, np.array([[40.0]]), 4000, outputs="logits")
    assert (logits[..., 0] != logits[..., 1]).all()  # |x - t| > 0 times a sign
