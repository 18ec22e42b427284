"""The layer against its definition in float64, and against Keras's layer, which it must be able to replace."""

import keras
import numpy as np
import pytest

from zoo.layers import BatchNormalization

TENSORFLOW = keras.backend.backend() == "tensorflow"
FLOAT64 = ["float64"] if TENSORFLOW else []  # JAX has none unless it is asked for
on_tensorflow = pytest.mark.skipif(not TENSORFLOW, reason="the fused op is TensorFlow's")
SHAPES = [(6, 5, 4, 3), (7, 8, 3)]
ALL_EQUAL = [(4, 4, 4, 4), (4, 4, 4)]
NAMES = ("gamma", "beta", "moving_mean", "moving_variance")
EPSILON = 1e-5


def numbers(shape, seed=0, mean=0.7, dtype="float32"):
    return (mean + 2 * np.random.default_rng(seed).normal(size=shape)).astype(dtype)


def to_numpy(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


def with_weights(kind, shape, seed=1, **options):
    """A built layer whose weights are none of the initial ones."""
    layer = kind(**{"momentum": 0.9, "epsilon": EPSILON, **options})
    layer.build(shape)
    random = np.random.default_rng(seed)
    layer.set_weights([random.uniform(0.5, 2, weight.shape) for weight in layer.weights])
    return layer


def by_definition(x, gamma, beta, upstream, epsilon):
    """Outputs, batch mean, biased variance, and the gradients of sum(outputs * upstream), in float64."""
    x, upstream = np.asarray(x, "float64"), np.asarray(upstream, "float64")
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    deviation = np.sqrt(variance + epsilon)
    normal = (x - mean) / deviation
    along = upstream * gamma
    to_x = (along - along.mean(axes) - normal * (along * normal).mean(axes)) / deviation
    gradients = to_x, (upstream * normal).sum(axes), upstream.sum(axes)
    return normal * gamma + beta, mean, variance, gradients


def count_fused(call):
    """Fused ops in the graph of a function of no arguments."""
    import tensorflow as tf

    graph = tf.function(call).get_concrete_function().graph
    return sum(operation.type == "FusedBatchNormV3" for operation in graph.get_operations())


@pytest.mark.parametrize("shape", SHAPES + ALL_EQUAL)
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("trained", [True, False])
def test_outputs_and_moving_statistics_by_definition(shape, dtype, trained):
    layer = with_weights(BatchNormalization, shape, dtype=dtype, center=trained, scale=trained)
    x = to_numpy(keras.ops.cast(numbers(shape), layer.compute_dtype))
    *trainable, moving_mean, moving_variance = layer.get_weights()
    gamma, beta = trainable or (1, 0)
    outputs, mean, variance, _ = by_definition(x, gamma, beta, x, EPSILON)
    found = layer(x, training=True)
    assert keras.backend.standardize_dtype(found.dtype) == layer.compute_dtype
    rtol = {"float32": 1e-5, "mixed_bfloat16": 2**-8, "mixed_float16": 2**-10}[dtype]
    np.testing.assert_allclose(to_numpy(found), outputs, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(to_numpy(layer.moving_mean.value), 0.9 * moving_mean + 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(to_numpy(layer.moving_variance.value), 0.9 * moving_variance + 0.1 * variance, rtol=1e-5)


@on_tensorflow
@pytest.mark.parametrize("shape", SHAPES + ALL_EQUAL)
@pytest.mark.parametrize("jit_compile", [None, True])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_gradients_by_definition(shape, jit_compile, dtype):
    import tensorflow as tf

    layer = with_weights(BatchNormalization, shape, dtype=dtype)
    x, upstream = to_numpy(keras.ops.cast(numbers(shape), layer.compute_dtype)), numbers(shape, seed=2)
    upstream = to_numpy(keras.ops.cast(upstream, layer.compute_dtype))
    variables = tf.Variable(x), layer.gamma.value, layer.beta.value

    @tf.function(jit_compile=jit_compile)
    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.cast(layer(variables[0], training=True), "float32") * upstream)
        return tape.gradient(loss, variables)

    *_, expected = by_definition(x, *layer.get_weights()[:2], upstream, EPSILON)
    rtol = 1e-5 if dtype == "float32" else 2**-8
    for found, gradient in zip(gradients(), expected, strict=True):
        np.testing.assert_allclose(to_numpy(found), gradient, rtol=rtol, atol=rtol * np.abs(gradient).max())


@on_tensorflow
def test_second_gradients_are_those_of_keras():
    import tensorflow as tf

    x, upstream, found = tf.constant(numbers(SHAPES[0])), numbers(SHAPES[0], seed=2), []
    for kind in (BatchNormalization, keras.layers.BatchNormalization):
        layer = with_weights(kind, SHAPES[0])
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(layer(x, training=True) ** 2 * upstream)
            first = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        found.append(to_numpy(outer.gradient(first, x)))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-4 * np.abs(found[1]).max())


@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (1, 1, 3)])
@pytest.mark.parametrize("jit_compile", [None, True])
def test_one_position_gives_the_offset_and_no_variance(shape, jit_compile):
    layer = with_weights(BatchNormalization, shape)
    moving_variance, x = layer.get_weights()[3], numbers(shape)
    if TENSORFLOW:
        import tensorflow as tf

        found = tf.function(lambda: layer(x, training=True), jit_compile=jit_compile)()
    else:
        found = layer(x, training=True)
    np.testing.assert_allclose(to_numpy(found), np.broadcast_to(layer.get_weights()[1], shape), atol=1e-4)
    np.testing.assert_allclose(layer.get_weights()[3], 0.9 * moving_variance, rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [None, True])
@pytest.mark.parametrize("mean", [0, 30, 3000])
def test_a_large_mean_leaves_the_variance(jit_compile, mean):
    shape = (32, 8, 8, 3)
    layer, x = with_weights(BatchNormalization, shape, momentum=0.0), numbers(shape, mean=mean)
    if TENSORFLOW:
        import tensorflow as tf

        tf.function(lambda: layer(x, training=True), jit_compile=jit_compile)()
    else:
        layer(x, training=True)
    np.testing.assert_allclose(layer.get_weights()[3], x.astype("float64").var((0, 1, 2)), rtol=1e-5)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-7, 0.3])
def test_epsilon_is_taken_exactly(epsilon):
    x = numbers(SHAPES[0], mean=0) * np.float32(1e-3)
    layer = with_weights(BatchNormalization, SHAPES[0], epsilon=epsilon)
    gamma, beta, *_ = layer.get_weights()
    expected = by_definition(x, gamma, beta, x, epsilon)[0]
    np.testing.assert_allclose(to_numpy(layer(x, training=True)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [*SHAPES, (6, 3), (2, 3, 4, 5, 3)])
@pytest.mark.parametrize("dtype", ["float32", *FLOAT64, "mixed_bfloat16", "mixed_float16", "float16"])
@pytest.mark.parametrize(("training", "trainable"), [(False, True), (None, True), (True, False)])
def test_inference_is_that_of_keras(shape, dtype, training, trainable):
    x, found = numbers(shape), []
    for kind in (BatchNormalization, keras.layers.BatchNormalization):
        layer = with_weights(kind, shape, dtype=dtype, trainable=trainable)
        before = [to_numpy(weight.value) for weight in layer.weights]
        found.append(to_numpy(layer(x, training=training)))
        for weight, unmoved in zip(layer.weights, before, strict=True):
            np.testing.assert_array_equal(to_numpy(weight.value), unmoved)
    if TENSORFLOW and dtype in ("float32", "float16") and len(shape) in (3, 4):  # the fused op rounds in another order
        tolerance = {"float32": 1e-6, "float16": 2**-10}[dtype]  # float16: to the next number, on some CPUs
        np.testing.assert_allclose(*found, rtol=tolerance, atol=1e-6)
    else:
        np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((6, 3), {}),
        ((2, 3, 4, 5, 3), {}),
        (SHAPES[0], {"axis": 1}),
        (SHAPES[1], {"axis": -2}),
        *[(SHAPES[0], {"dtype": dtype}) for dtype in FLOAT64],
        (SHAPES[0], {"renorm": True}),
    ],
)
def test_training_without_a_fused_op_is_that_of_keras(shape, options):
    x, found = numbers(shape, dtype="float64" if "dtype" in options else "float32"), []
    for kind in (BatchNormalization, keras.layers.BatchNormalization):
        layer = with_weights(kind, shape, **options)
        outputs = keras.ops.convert_to_numpy(layer(x, training=True))
        found.append([outputs, *layer.get_weights()])
    rtol = 2e-5 if keras.backend.backend() == "torch" else 0  # where Keras's variance is another sum
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol / 10)
    if TENSORFLOW:
        ours = with_weights(BatchNormalization, shape, **options)
        assert count_fused(lambda: ours(x, training=True)) == 0


def test_a_mask_leaves_out_what_it_masks():
    x, mask = numbers(SHAPES[1]), np.random.default_rng(3).random(SHAPES[1][:-1]) < 0.6
    layer = with_weights(BatchNormalization, SHAPES[1], momentum=0.0)
    outputs = layer(x, training=True, mask=mask)
    kept = x[mask].astype("float64")
    np.testing.assert_allclose(layer.get_weights()[2], kept.mean(0), rtol=1e-4)
    np.testing.assert_allclose(layer.get_weights()[3], kept.var(0), rtol=1e-4)
    same = with_weights(keras.layers.BatchNormalization, SHAPES[1])(x, training=True, mask=mask)
    np.testing.assert_array_equal(to_numpy(outputs), to_numpy(same))


def test_a_mask_of_the_layer_before_is_used_and_passed_on():
    x = numbers((4, 5, 3))
    x[:, 3:] = 0
    masked = keras.layers.Masking()(x)
    layer = with_weights(BatchNormalization, x.shape, momentum=0.0)
    outputs = layer(masked, training=True)
    np.testing.assert_allclose(layer.get_weights()[2], x[:, :3].mean((0, 1)), rtol=1e-4)
    np.testing.assert_array_equal(to_numpy(outputs._keras_mask), np.tile([1, 1, 1, 0, 0], (4, 1)))


@on_tensorflow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("options", [{}, {"axis": "last"}, {"center": False}, {"scale": False}])
def test_the_fused_op_is_used(shape, options):
    options = {**options, "axis": len(shape) - 1} if "axis" in options else options
    layer = with_weights(BatchNormalization, shape, **options)
    for training in (True, False):
        assert count_fused(lambda training=training: layer(numbers(shape), training=training)) == 1


@on_tensorflow
@pytest.mark.parametrize("training", [True, False])
def test_nothing_lies_between_a_convolution_of_sequences_and_the_fused_op(training):
    """TensorFlow joins the two only then."""
    import tensorflow as tf

    convolution = keras.layers.Conv1D(4, 3, strides=2, padding="same", use_bias=False)
    convolution.build(SHAPES[1])
    ours, theirs = (with_weights(kind, (7, 4, 4)) for kind in (BatchNormalization, keras.layers.BatchNormalization))
    given = tf.TensorSpec((None, None, 3))
    traced = tf.function(lambda x: ours(convolution(x), training=training)).get_concrete_function(given)
    fused = next(one for one in traced.graph.get_operations() if one.type == "FusedBatchNormV3")
    assert fused.inputs[0].op.type == "Conv2D"
    x = tf.constant(numbers(SHAPES[1]))
    expected = theirs(convolution(x), training=training)
    np.testing.assert_allclose(to_numpy(traced(x)), to_numpy(expected), rtol=1e-4, atol=1e-4)


@on_tensorflow
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_what_squeezes_the_inputs_does_not_matter(axis):
    import tensorflow as tf

    layer = with_weights(BatchNormalization, SHAPES[1])
    x, line = numbers(SHAPES[1]), np.expand_dims(numbers(SHAPES[1]), axis)
    found = tf.function(lambda line: layer(tf.squeeze(line, axis)))(line)
    np.testing.assert_allclose(to_numpy(found), to_numpy(layer(x)), rtol=1e-5, atol=1e-5)


@on_tensorflow
def test_xla_compiles_no_fused_op():
    import tensorflow as tf

    layer, x = with_weights(BatchNormalization, SHAPES[0]), tf.constant(numbers(SHAPES[0]))
    compiled = tf.function(lambda: layer(x, training=True), jit_compile=True)
    inner = tf.function(lambda: layer(x, training=True))
    for function in (compiled, tf.function(lambda: inner(), jit_compile=True)):
        definition = function.get_concrete_function().graph.as_graph_def()
        nodes = [*definition.node, *(node for inside in definition.library.function for node in inside.node_def)]
        assert "SquaredDifference" in {node.op for node in nodes}
        assert "FusedBatchNormV3" not in {node.op for node in nodes}


@on_tensorflow
def test_outputs_are_of_the_layers_dtype_whatever_the_inputs():
    layer = BatchNormalization(dtype="float32", autocast=False, epsilon=EPSILON)
    x = numbers(SHAPES[0]).astype("float16")
    found = layer(x, training=True)
    expected = by_definition(x, 1, 0, x, EPSILON)[0]
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(None, 5, 4, 3), (None, 8, 3), (None, None, None, 3)])
def test_unknown_sizes_stay_unknown(shape):
    layer = BatchNormalization()
    assert layer(keras.Input(batch_shape=shape), training=True).shape == layer.compute_output_shape(shape) == shape


def test_config_is_that_of_keras():
    options = {"axis": -1, "momentum": 0.8, "epsilon": 1e-4, "center": False, "gamma_regularizer": "l2", "name": "bn"}
    config = BatchNormalization(**options, dtype="float64").get_config()
    theirs = keras.layers.BatchNormalization(**options, dtype="float64").get_config()
    assert config == theirs
    assert BatchNormalization.from_config(config).get_config() == config


def test_names_paths_and_order_of_weights_are_those_of_keras():
    ours, theirs = (
        with_weights(kind, SHAPES[0], name="bn") for kind in (BatchNormalization, keras.layers.BatchNormalization)
    )
    assert [weight.name for weight in ours.weights] == list(NAMES)
    assert [weight.path for weight in ours.weights] == [weight.path for weight in theirs.weights]
    assert [weight.trainable for weight in ours.weights] == [weight.trainable for weight in theirs.weights]


def model(kind, options=()):
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=False, kernel_initializer=keras.initializers.HeNormal(0))(inputs)
    x = kind(momentum=0.9, epsilon=EPSILON, **dict(options))(x)
    x = keras.layers.Reshape((16, 4))(keras.layers.ReLU()(x))
    x = keras.layers.GlobalAveragePooling1D()(kind(momentum=0.9, epsilon=EPSILON, **dict(options))(x))
    outputs = keras.layers.Dense(3, activation="softmax", kernel_initializer=keras.initializers.HeNormal(1))(x)
    return keras.Model(inputs, outputs)


def trained(kind, options=(), **compile_options):
    network = model(kind, options)
    network.compile(keras.optimizers.SGD(0.1, 0.9), "sparse_categorical_crossentropy", **compile_options)
    losses = [network.train_on_batch(numbers((8, 6, 6, 3), step), np.arange(8) % 3) for step in range(3)]
    return network, losses


@pytest.mark.parametrize("options", [{}, {"center": False, "scale": False}])
def test_compiled_steps_are_those_of_keras(options):
    ours, losses = trained(BatchNormalization, options)
    theirs, expected = trained(keras.layers.BatchNormalization, options)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for found, weight in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(found, weight, rtol=1e-4, atol=1e-5)


@on_tensorflow
@pytest.mark.parametrize("compile_options", [{"jit_compile": True}, {"run_eagerly": True}])
def test_steps_agree_however_they_are_compiled(compile_options):
    ours, losses = trained(BatchNormalization)
    others, expected = trained(BatchNormalization, **compile_options)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for found, weight in zip(ours.get_weights(), others.get_weights(), strict=True):
        np.testing.assert_allclose(found, weight, rtol=1e-4, atol=1e-5)


def test_weights_files_fit_both_layers(tmp_path):
    x, kinds = numbers((5, 6, 6, 3)), (BatchNormalization, keras.layers.BatchNormalization)
    for source, target in (kinds, kinds[::-1]):
        network, _ = trained(source)
        network.save_weights(tmp_path / "m.weights.h5")
        other = model(target)
        other.load_weights(tmp_path / "m.weights.h5")
        np.testing.assert_allclose(other.predict(x, verbose=0), network.predict(x, verbose=0), rtol=1e-6)


def test_a_file_of_keras_layer_keeps_it(tmp_path):
    network, _ = trained(keras.layers.BatchNormalization)
    network.save(tmp_path / "m.keras")
    copy = keras.models.load_model(tmp_path / "m.keras")
    assert [type(layer) for layer in copy.layers] == [type(layer) for layer in network.layers]
    x = numbers((5, 6, 6, 3))
    np.testing.assert_array_equal(copy.predict(x, verbose=0), network.predict(x, verbose=0))


@on_tensorflow
def test_the_fused_training_pass_exports(tmp_path):
    import tensorflow as tf

    network, x = trained(BatchNormalization)[0], numbers((5, 6, 6, 3))
    archive = keras.export.ExportArchive()
    archive.track(network)
    signature = [tf.TensorSpec((None, 6, 6, 3), "float32")]
    archive.add_endpoint("serve", lambda x: network(x, training=False), signature)
    archive.add_endpoint("train", lambda x: network(x, training=True), signature)
    archive.write_out(tmp_path / "m", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "m")
    for endpoint, training in (("serve", False), ("train", True)):
        expected = to_numpy(network(x, training=training))
        np.testing.assert_allclose(to_numpy(getattr(loaded, endpoint)(x)), expected, rtol=1e-5, atol=1e-6)
