import keras
import numpy as np
import pytest

from zoo.layers import HyperDense, Hyperfan
from zoo.layers.seeds import uniform

# Inputs, units, mode, V, gain, use_bias; d_k times the variances of the columns of the kernel and of the bias, by hand.
CASES = [
    (2, 8, "fan_in", 0.5, 2.0, True, 1, 2),
    (2, 8, "fan_in", 0.5, 2.0, False, 2, None),
    (2, 8, "fan_out", 0.5, 2.0, True, 1 / 2, 3),
    (2, 8, "fan_out", 0.5, 2.0, False, 1 / 2, None),
    (2, 8, "harmonic", 0.5, 2.0, True, 2 / 3, 12 / 5),
    (2, 8, "harmonic", 0.5, 2.0, False, 4 / 5, None),
    (8, 2, "fan_in", 1.0, 1.0, True, 1 / 16, 1 / 2),
    (8, 2, "fan_out", 1.0, 1.0, True, 1 / 2, 0),
    (8, 2, "harmonic", 1.0, 1.0, True, 1 / 9, 0),
    (3, 3, "fan_out", 2.0, 1.0, True, 1 / 6, 0),
]
GIVEN = {"inputs": 2, "units": 3, "mode": "harmonic", "variance": 0.5, "gain": 2.0, "use_bias": False, "seed": 9}


def draw(initializer, shape):
    return keras.ops.convert_to_numpy(initializer(shape))


@pytest.mark.parametrize(("inputs", "units", "mode", "variance", "gain", "use_bias", "kernel", "bias"), CASES)
def test_every_column_has_the_variance_of_the_paper(inputs, units, mode, variance, gain, use_bias, kernel, bias):
    d_k, initializer = 20_000, Hyperfan(inputs, units, mode, variance, gain, use_bias, seed=1)
    k = draw(initializer, (d_k, HyperDense.parameter_count(inputs, units, use_bias))).astype("float64")
    expected = np.repeat([kernel, bias or 0], [inputs * units, units if use_bias else 0]) / d_k
    np.testing.assert_allclose(k.var(0), expected, rtol=0.05)
    assert (np.abs(k.mean(0)) <= 5 * np.sqrt(expected / d_k)).all()
    assert (np.abs(k) <= np.sqrt(3 * expected) * (1 + 1e-6)).all()  # uniform
    u = uniform(k.shape, 1)  # the same on every backend
    np.testing.assert_array_equal(k, np.sqrt(3 * expected).astype("float32") * (2 * u - 1))


@pytest.mark.parametrize(
    ("inputs", "units", "mode", "gain", "use_bias", "forward", "backward"),
    [
        (20, 100, "fan_in", 1.0, True, 1, 100 / 40),  # half of the outputs' variance is the bias's
        (20, 100, "fan_in", 2.0, True, 2, 2 * 100 / 40),
        (20, 100, "fan_in", 2.0, False, 2, 2 * 100 / 20),
        (20, 100, "fan_out", 1.0, True, 1, 1),  # the bias fills up what the kernel leaves of the outputs' variance
        (20, 100, "fan_out", 2.0, False, 2 * 20 / 100, 2),
        (100, 20, "fan_out", 2.0, True, 2 * 100 / 20, 2),
    ],
)
def test_the_generated_layer_keeps_the_variance(inputs, units, mode, gain, use_bias, forward, backward):
    """Of x and of the signals that come back, both of mean square 1, over random h in [0, 1): of mean square 1/3."""
    rng, draws, rows, d_k = np.random.default_rng(0), 100, 8, 20
    shape = d_k, HyperDense.parameter_count(inputs, units, use_bias)
    kernels = [draw(Hyperfan(inputs, units, mode, 1 / 3, gain, use_bias, seed), shape) for seed in range(draws)]
    theta = (rng.uniform(size=(draws, rows, d_k)) @ np.array(kernels)).reshape(-1, shape[1]).astype("float32")
    x, back = (rng.choice([-1, 1], (draws * rows, size)).astype("float32") for size in (inputs, units))
    y = keras.ops.convert_to_numpy(HyperDense(units, use_bias)([x, theta]))
    dx = theta[:, : inputs * units].reshape(-1, inputs, units) @ back[:, :, None]
    np.testing.assert_allclose(((y**2).mean(), (dx**2).mean()), (forward, backward), rtol=0.05)


@pytest.mark.parametrize("shape", [(4, 5), (4, 7), (6,), (2, 2, 6), ()])
def test_other_kernels_are_refused(shape):
    with pytest.raises(ValueError, match=r"`shape` must be \(d_k, 6\)\. Received: shape=\("):
        Hyperfan(**GIVEN)(shape)


@pytest.mark.parametrize(
    ("argument", "value"),
    [(argument, value) for argument in ("inputs", "units") for value in (0, 1.5, True, None)]
    + [(argument, value) for argument in ("variance", "gain") for value in (0, -1.0, True, None, np.inf, np.nan)]
    + [("mode", "fan_avg"), ("mode", None), ("use_bias", 1), ("use_bias", None)]
    + [("seed", value) for value in (-1, 2**32, 1.5, True)],
)
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {argument}="):
        Hyperfan(**{**GIVEN, argument: value})
