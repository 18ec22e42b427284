import re

import keras
import numpy as np
import pytest
from gradients import gradients

from zoo.layers import KernelMoments

JAX = keras.backend.backend() == "jax"


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def moments(layer, x):
    run = lambda x: keras.ops.cast(layer(x), "float32")  # noqa: E731
    if JAX:
        import jax

        if not layer.built:
            layer.build(x.shape)
        run = jax.jit(run)  # else each operation is compiled alone
    return np.split(keras.ops.convert_to_numpy(run(x)), 2, axis=1)


def kernel(layer):
    """Loc and scale, by the definition of softplus."""
    loc, raw_scale = (w.astype("float64") for w in layer.get_weights())
    return loc, np.log1p(np.exp(raw_scale))


def spread(inputs, units):
    """A layer of kernels with scales between 0.1 and 1.1."""
    loc, scale = normal(inputs, units), np.random.default_rng(1).uniform(0.1, 1.1, (inputs, units)).astype("float32")
    layer = KernelMoments(units, lambda shape, dtype: loc, lambda shape, dtype: scale)
    layer.build((None, inputs))
    return layer


@pytest.mark.parametrize(("inputs", "units"), [(1, 1), (3, 3), (63, 2), (64, 2), (65, 2), (130, 1), (128, 64)])
def test_moments_are_those_of_numpy(inputs, units):
    layer, x = spread(inputs, units), normal(units, inputs, seed=1)  # rows = units: no axis is told by its size
    loc, scale = kernel(layer)
    mean, deviation = moments(layer, x)
    np.testing.assert_allclose(mean, x @ loc, atol=1e-4)
    np.testing.assert_allclose(deviation, np.sqrt(x.astype("float64") ** 2 @ scale**2), rtol=1e-5)


@pytest.mark.usefixtures("wide_floats")
def test_moments_where_integers_have_64_bits():
    layer, x = spread(70, 2), normal(3, 70, seed=1)
    loc, scale = kernel(layer)
    np.testing.assert_allclose(moments(layer, x), [x @ loc, np.sqrt(x.astype("float64") ** 2 @ scale**2)], atol=1e-4)


@pytest.mark.not_on("jax", "Keras's own operations make float32 of float64")
@pytest.mark.not_on("torch", "Keras's own operations make float32 of float64")
def test_float64_squares_in_float64():
    layer, x = KernelMoments(2, 0.5, 0.3, dtype="float64"), np.random.default_rng(0).normal(size=(3, 70))
    deviation = np.split(keras.ops.convert_to_numpy(layer(x)), 2, axis=1)[1]
    np.testing.assert_allclose(deviation, np.sqrt(x**2 @ kernel(layer)[1] ** 2), rtol=1e-12)


@pytest.mark.parametrize("scale", [0, 0.0, 1e-6, np.float32(0.05), 1, 3.0, 100.0])
def test_a_float_is_the_value_of_every_weight(scale):
    layer = KernelMoments(3, loc_initializer=-0.5, scale_initializer=scale)
    layer.build((None, 2))
    np.testing.assert_array_equal(layer.get_weights()[0], np.full((2, 3), -0.5))
    found = keras.ops.convert_to_numpy(layer.scale)
    np.testing.assert_allclose(found, np.full((2, 3), scale), rtol=1e-5, atol=0)
    np.testing.assert_allclose(found, kernel(layer)[1], rtol=1e-5, atol=1e-40)


def test_initial_scales_count_by_their_size():
    layer = KernelMoments(3, keras.initializers.RandomNormal(seed=1), keras.initializers.RandomNormal(seed=2))
    layer.build((None, 4))
    loc, scale = (keras.ops.convert_to_numpy(keras.initializers.RandomNormal(seed=s)((4, 3))) for s in (1, 2))
    assert scale.min() < 0 < scale.max()
    np.testing.assert_array_equal(layer.get_weights()[0], loc)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer.scale), np.abs(scale), rtol=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_scale_of_zero_stays_zero_while_others_move(optimizer):
    model = keras.Sequential([keras.Input((3,)), KernelMoments(3, scale_initializer="identity")])
    x, layer = normal(5, 3), model.layers[0]
    model.compile(optimizer, "mse")
    for _ in range(3):
        model.train_on_batch(x, np.zeros((5, 6)))
    scale = keras.ops.convert_to_numpy(layer.scale)
    np.testing.assert_array_equal(scale[~np.eye(3, dtype=bool)], 0)
    assert (scale.diagonal() < 1 - 1e-4).all()  # the loss pulls to 0
    assert np.isfinite(model.predict(x, verbose=0)).all()


@pytest.mark.parametrize("zero_rows", [(), (1,), (0, 1, 2)])
@pytest.mark.parametrize("inputs", [3, 70])
def test_gradients_are_those_derived_by_hand(inputs, zero_rows):
    layer, x, r = spread(inputs, 2), normal(3, inputs, seed=1), normal(3, 4, seed=2)
    x[list(zero_rows)] = 0
    if JAX:
        import jax

        loss = lambda weights, x: keras.ops.sum(r * layer.stateless_call(weights, [], x)[0])  # noqa: E731
        (loc, raw_scale), dx = jax.jit(jax.grad(loss, (0, 1)))([w.value for w in layer.weights], x)
    else:
        loss = lambda x: keras.ops.sum(layer(x) * keras.ops.array(r))  # noqa: E731
        _, (dx, loc, raw_scale) = gradients(loss, [x], layer.weights)
    r_mean, r_deviation = np.split(r, 2, axis=1)
    mean, scale = kernel(layer)
    deviation = np.sqrt(x.astype("float64") ** 2 @ scale**2)
    slope = np.divide(r_deviation, deviation, out=np.zeros((3, 2)), where=deviation > 0)
    np.testing.assert_allclose(loc, x.T @ r_mean, atol=1e-5)
    np.testing.assert_allclose(raw_scale, (x**2).T @ slope * scale * (1 - np.exp(-scale)), atol=1e-5)  # softplus'
    np.testing.assert_allclose(dx, r_mean @ mean.T + x * (slope @ (scale**2).T), atol=1e-5)


@pytest.mark.parametrize("size", [255, 256, 1000, 30_000])
def test_half_precision_squares_no_large_inputs(size):
    layer = KernelMoments(2, 0.0, 0.05, dtype="mixed_float16")
    x = np.full((2, 130), size, "float32")
    y = layer(x)
    assert keras.backend.standardize_dtype(y.dtype) == "float16"
    mean, deviation = moments(layer, x)
    np.testing.assert_array_equal(mean, 0)
    np.testing.assert_allclose(deviation, size * 0.05 * np.sqrt(130), rtol=0.01)


@pytest.mark.parametrize("trainable", [True, False])
def test_weights_are_trained_where_asked_for(trainable):
    layer = KernelMoments(3, trainable=trainable)
    layer.build((None, 2))
    assert [w.name for w in layer.weights] == ["loc", "raw_scale"]
    assert len(layer.trainable_weights) == 2 * trainable


@pytest.mark.parametrize(
    ("argument", "value"),
    [("units", value) for value in (0, -1, 1.5, True, None)]
    + [(argument, v) for argument in ("loc_initializer", "scale_initializer") for v in (np.nan, np.inf, True)]
    + [("loc_initializer", -np.inf), ("scale_initializer", -0.1)]
    + [("trainable", value) for value in (1, 0, None, "no")],
)
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {re.escape(f'{argument}={value!r}')}"):
        KernelMoments(**{"units": 2, argument: value})


@pytest.mark.parametrize("shape", [(5, 2, 3), (5,), (5, None), [(5, 2), (5, 2)]])
def test_bad_shapes_are_refused(shape):
    message = re.escape(f"KernelMoments takes (rows, inputs). Received: input_shape={shape}")
    with pytest.raises(ValueError, match=message):
        KernelMoments(4).compute_output_shape(shape)
