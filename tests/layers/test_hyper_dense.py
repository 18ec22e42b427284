import re

import keras
import numpy as np
import pytest
from gradients import gradients

from zoo.layers import Amplify, HyperDense, Hyperfan, MajorityVote, RandomInput, SharedDraws

JAX = keras.backend.backend() == "jax"
SIZES = [(3, 3, 3, 3), (1, 2, 3, 4), (4, 3, 1, 2), (5, 2, 3, 1), (2, 1, 2, 2)]  # examples, inputs, units, draws
KINDS = [{}, {"shared": True}, {"shared": True, "expected": True}]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def call(layer, x, theta):
    if JAX:
        import jax

        return np.asarray(jax.jit(lambda *inputs: layer(inputs))(x, theta))  # else each operation is compiled alone
    return keras.ops.convert_to_numpy(layer([x, theta]))


def looped(x, theta, units, shared=False, expected=False):
    """One example and set of weights at a time; if shared, the draws of an example one after the other."""
    theta = theta.mean(0, keepdims=True) if expected else theta
    outputs, size = [], x.shape[1] * units
    for example, row in [(a, row) for a in x for row in theta] if shared else zip(x, theta, strict=True):
        bias = row[size:] if len(row) > size else np.zeros(units)
        outputs.append([sum(a * row[i * units + j] for i, a in enumerate(example)) + bias[j] for j in range(units)])
    return np.array(outputs)


@pytest.mark.parametrize("kwargs", KINDS)
def test_a_hypernetwork_trains_its_generator(kwargs):
    inputs = keras.Input((3,))
    random = RandomInput(5, seed=2)(SharedDraws(2)(inputs) if kwargs else inputs)
    generator = keras.layers.Dense(16, kernel_initializer=Hyperfan(3, 4, seed=3))
    logits = HyperDense(4, activation="tanh", **kwargs)([inputs, generator(random)])
    model = keras.Model(inputs, MajorityVote(2 if kwargs == KINDS[1] else 1, "mean")(logits))
    before, x = generator.get_weights(), normal(6, 3)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert np.isfinite(model.train_on_batch(x, np.arange(6) % 4))
    for old, new in zip(before, generator.get_weights(), strict=True):
        assert (old != new).all()


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("examples", "inputs", "units", "draws"), SIZES)
def test_outputs_are_those_of_a_loop(examples, inputs, units, draws, use_bias):
    x, parameters = normal(examples, inputs), HyperDense.parameter_count(inputs, units, use_bias)
    outputs = []
    for kwargs in KINDS:
        theta = normal(draws if kwargs else examples, parameters, seed=1)
        outputs.append(call(HyperDense(units, use_bias, "tanh", **kwargs), x, theta))
        np.testing.assert_allclose(outputs[-1], np.tanh(looped(x, theta, units, **kwargs)), atol=1e-5)
    amplified = keras.ops.convert_to_numpy(Amplify(draws)(x)), np.tile(theta, (examples, 1))
    np.testing.assert_allclose(np.tanh(looped(*amplified, units)), outputs[1], atol=1e-5)


def test_the_expected_weights_give_the_mean_over_the_draws():
    x, theta = normal(4, 3), normal(5, 8, seed=1)
    draws, mean = (call(HyperDense(2, **kwargs), x, theta) for kwargs in KINDS[1:])
    np.testing.assert_allclose(mean, draws.reshape(4, 5, 2).mean(1), atol=1e-5)


@pytest.mark.parametrize("use_bias", [True, False])
def test_equal_weights_make_a_dense_layer(use_bias):
    dense, x = keras.layers.Dense(3, "relu", use_bias, bias_initializer="random_normal"), normal(5, 3)
    expected = keras.ops.convert_to_numpy(dense(x))
    theta = np.concatenate([w.reshape(1, -1) for w in dense.get_weights()], axis=1)
    assert theta.shape == (1, HyperDense.parameter_count(3, 3, use_bias)) == (1, dense.count_params())
    for kwargs, rows in ((KINDS[0], theta.repeat(5, 0)), (KINDS[1], theta)):
        np.testing.assert_allclose(call(HyperDense(3, use_bias, "relu", **kwargs), x, rows), expected, atol=1e-6)


def test_parameter_counts_are_those_of_the_paper():
    """On the Modularity of Hypernetworks: primaries of rotations (MNIST, CIFAR-10) and of colours, without biases."""
    count = HyperDense.parameter_count
    for inputs, outputs, total in ((784, 12, 7960), (3072, 12, 30_840), (42, 3, 450)):
        assert count(inputs, 10, False) + count(10, outputs, False) == total
        assert count(inputs, 10) + count(10, outputs) == total + 10 + outputs
    for arguments, name in (((0, 2), "inputs"), ((2, 0), "units"), ((2.0, 2), "inputs")):
        with pytest.raises(ValueError, match=f"`{name}` must be a positive int"):
            count(*arguments)
    with pytest.raises(ValueError, match="`use_bias` must be a bool"):
        count(2, 3, "no")


@pytest.mark.parametrize("kwargs", KINDS)
def test_gradients_are_finite_differences(kwargs):
    """The layer is linear in x and in theta: differences are exact, whatever the step."""
    layer, x, theta = HyperDense(3, **kwargs), normal(3, 3), normal(3, 12, seed=1)
    r = normal(9 if kwargs == KINDS[1] else 3, 3, seed=2)
    _, found = gradients(lambda x, theta: keras.ops.sum(layer([x, theta]) * keras.ops.array(r)), [x, theta])
    by_hand = lambda x, theta: (r * looped(x, theta, 3, **kwargs)).sum()  # noqa: E731
    dx = [by_hand(x + step.reshape(x.shape), theta) for step in np.eye(x.size)] - by_hand(x, theta)
    dtheta = [by_hand(x, theta + step.reshape(theta.shape)) for step in np.eye(theta.size)] - by_hand(x, theta)
    np.testing.assert_allclose(np.reshape(found[0], -1), dx, atol=1e-5)
    np.testing.assert_allclose(np.reshape(found[1], -1), dtheta, atol=1e-5)


@pytest.mark.not_on("torch", "SavedModels are TensorFlow's")
@pytest.mark.parametrize("kwargs", KINDS)
def test_an_exported_graph_takes_any_batch(kwargs, tmp_path):
    """A SavedModel, or what JAX exports under a symbolic batch; the number of draws is fixed, as in a model."""
    layer, theta = HyperDense(3, **kwargs), normal(4, 12, seed=1)
    if JAX:
        import jax

        (batch,) = jax.export.symbolic_shape("batch")
        shapes = [jax.ShapeDtypeStruct(s, "float32") for s in ((batch, 3), (4 if kwargs else batch, 12))]
        serve = jax.export.export(jax.jit(lambda x, theta: layer([x, theta])))(*shapes).call
    else:
        import tensorflow as tf

        inputs = [keras.Input((3,)), keras.Input(batch_shape=(4 if kwargs else None, 12))]
        keras.Model(inputs, layer(inputs)).export(tmp_path / "model", verbose=False)
        served = tf.saved_model.load(tmp_path / "model")
        serve = lambda x, theta: served.serve([x, theta])  # noqa: E731
    for examples in (1, 4):
        x, rows = normal(examples, 3), theta if kwargs else theta[:examples]
        np.testing.assert_allclose(serve(x, rows), looped(x, rows, 3, **kwargs), atol=1e-5)


def test_an_embedding_primary_is_one_whose_first_biases_alone_are_generated():
    """Modularity of Hypernetworks, 4.1: q(x, e) with the kernel [A; C] is g with the kernel A and biases e C + b."""
    x, e = keras.Input((3,)), keras.Input((5,))
    first, last = keras.layers.Dense(4, "relu", bias_initializer="random_normal"), keras.layers.Dense(2)
    q = keras.Model([x, e], last(first(keras.layers.Concatenate()([x, e]))))
    kernel, b = first.get_weights()
    generator = keras.layers.Dense(HyperDense.parameter_count(3, 4))
    g = keras.Model([x, e], last(HyperDense(4, activation="relu")([x, generator(e)])))
    columns = np.concatenate([np.zeros((5, 12)), kernel[3:]], axis=1)  # those of g's kernel give A for every example
    generator.set_weights([columns, np.concatenate([kernel[:3].reshape(-1), b])])
    data = [normal(6, 3), normal(6, 5, seed=1)]
    np.testing.assert_allclose(g.predict(data, verbose=0), q.predict(data, verbose=0), atol=1e-5)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("units", value) for value in (0, -1, 1.5, True, None)]
    + [(argument, value) for argument in ("use_bias", "shared", "expected") for value in (1, 0, None, "yes")]
    + [("expected", True)],  # without shared
)
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {argument}={value!r}"):
        HyperDense(**{"units": 2, argument: value})


PAIR = "takes [x, theta] of shapes (batch, inputs) and (rows, parameters). Received: "
ROWS = "must have one row per example unless `shared`. Received: x of shape (5, 3) and theta of ({}, 16)"


@pytest.mark.parametrize(
    ("kwargs", "shapes", "message"),
    [
        ({}, [(5, 3), (5, 15)], "16 parameters a row (3 inputs * 4 units + 4). Received: theta of shape (5, 15)"),
        ({"use_bias": False}, [(5, 3), (5, 16)], "`theta` must have 12 parameters a row (3 inputs * 4 units). Rec"),
        ({"shared": True}, [(5, 3), (2, 17)], "`theta` must have 16 parameters"),
        ({}, [(5, 3), (4, 16)], ROWS.format(4)),
        ({}, [(5, 3), (1, 16)], ROWS.format(1)),
        *[({}, [(5, 3)] * n, PAIR) for n in (1, 3)],
        *[({}, [(5, 3), shape], PAIR) for shape in ((5, 4, 4), (16,))],
        ({}, [(5, 2, 3), (5, 16)], PAIR),
    ],
)
def test_bad_shapes_are_refused(kwargs, shapes, message):
    for inputs in ([keras.KerasTensor(shape) for shape in shapes], [np.zeros(shape, "float32") for shape in shapes]):
        with pytest.raises(ValueError, match=re.escape(message)):
            HyperDense(4, **kwargs)(inputs)
    for inputs in (keras.Input((3,)), [keras.Input((None,)), keras.Input((16,))]):
        with pytest.raises(ValueError, match=re.escape(PAIR)):
            HyperDense(4, **kwargs)(inputs)


@pytest.mark.not_on("torch", "every batch is known there: test_bad_shapes_are_refused")
@pytest.mark.parametrize(("examples", "rows"), [(4, 1), (1, 4), (4, 2)])
def test_rows_that_differ_are_refused_where_no_batch_is_known(examples, rows):
    run, error = lambda x, theta: HyperDense(2)([x, theta]), ValueError
    if not JAX:
        import tensorflow as tf

        error = tf.errors.InvalidArgumentError
        run = tf.function(run, input_signature=[tf.TensorSpec((None, 3)), tf.TensorSpec((None, 8))])
    with pytest.raises(error):
        run(normal(examples, 3), normal(rows, 8))
