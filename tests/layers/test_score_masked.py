import json
import math
import re

import keras
import numpy as np
import pytest
from gradients import gradients

from zoo.layers import KaimingUniform, ScoreMaskedConv, ScoreMaskedDense
from zoo.layers.score_masked import masked_layers

JAX = keras.backend.backend() == "jax"
CLASSES = {ScoreMaskedDense: {"units": 7}, ScoreMaskedConv: {"filters": 7, "kernel_size": (3, 2)}}
SHAPES = {ScoreMaskedDense: (None, 6), ScoreMaskedConv: (None, 5, 5, 3)}


def normal(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def compiled(function):
    if not JAX:
        return function
    import jax

    return jax.jit(function)  # else every operation is compiled by itself


def call(layer, x):
    if not layer.built:
        layer.build(x.shape)
    return keras.ops.convert_to_numpy(compiled(layer)(keras.ops.convert_to_tensor(np.float32(x))))


def gradient(function, x):
    """Of the scalar that `function` makes of the array `x`."""
    return gradients(function, [x])[1][0]


def score_gradient(layer, x, weights):
    """Of the sum of the outputs times the weights."""
    x, weights = np.float32(x), np.float32(weights)
    if JAX:
        kernel = layer.kernel.value
        loss = lambda scores: keras.ops.sum(weights * layer.stateless_call([scores], [kernel], x)[0])  # noqa: E731
        return gradient(loss, layer.scores.value)
    loss = lambda: keras.ops.sum(layer(x) * keras.ops.array(weights))  # noqa: E731
    return gradients(loss, variables=[layer.scores])[1][0]


def state(layer):
    """Kernel and scores."""
    return keras.ops.convert_to_numpy(layer.kernel), keras.ops.convert_to_numpy(layer.scores)


def built(kind, **kwargs):
    layer = kind(**{**CLASSES[kind], **kwargs})
    layer.build(SHAPES[kind])
    return layer


def network():
    inputs = keras.Input((6, 6, 2))
    x = ScoreMaskedConv(4, 3, 2, "same", activation="relu", sparsity=0.3, score_transform="abs", seed=1)(inputs)
    x = keras.layers.Flatten()(keras.layers.BatchNormalization(center=False, scale=False)(x))
    x = ScoreMaskedDense(3, sparsity=0.6, kernel_initializer="signed_kaiming_constant", seed=2)(x)
    return keras.Model(inputs, x)


@pytest.fixture(scope="module")
def trained():
    """A model after two epochs, and kernels and scores from before."""
    model = network()
    before = [state(layer) for layer in masked_layers(model)]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss)
    model.fit(normal((16, 6, 6, 2)), np.arange(16) % 3, batch_size=8, epochs=2, verbose=0)
    return model, before


@pytest.mark.parametrize("kind", CLASSES)
def test_without_a_seed_the_configuration_holds_those_drawn(kind):
    layer = built(kind, score_initializer="random_uniform")
    copy = kind.from_config(json.loads(json.dumps(layer.get_config())))
    copy.build(SHAPES[kind])
    for a, b in zip(state(layer), state(copy), strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_moves_scores_and_no_kernel(trained):
    model, before = trained
    for layer, (kernel, scores) in zip(masked_layers(model), before, strict=True):
        np.testing.assert_array_equal(state(layer)[0], kernel)
        assert (state(layer)[1] != scores).all()  # pruned ones too


CONVOLUTIONS = [
    (2, (2, 3), "valid", (6, 7)),
    ((3, 2), 2, "same", (7, 6)),
    (3, 1, "same", (6, 5)),
    (3, 1, "valid", (5, 5)),
    (3, 2, "same", (6, 6)),
    (1, 3, "same", (8, 7)),
    ((4, 1), 3, "valid", (4, 8)),
]


@pytest.mark.parametrize(
    ("kernel_size", "strides", "padding", "size"),
    CONVOLUTIONS[:2] if JAX else CONVOLUTIONS,  # JAX compiles each anew
)
def test_convolution_is_that_of_the_masked_kernel(kernel_size, strides, padding, size, brute):
    layer = ScoreMaskedConv(4, kernel_size, strides, padding, activation="relu", sparsity=0.7, seed=1)
    x = normal((3, *size, 2))
    y = call(layer, x)
    assert keras.ops.convert_to_numpy(layer.kernel).shape == layer.scores.shape == (*layer.kernel_size, 2, 4)
    assert y.shape == layer.compute_output_shape((3, *size, 2)) == layer(keras.Input(batch_shape=x.shape)).shape
    assert layer(keras.Input((*size, 2))).shape == (None, *y.shape[1:])
    assert layer(keras.Input((None, size[1], 2))).shape == (None, None, *y.shape[2:])

    plain = keras.layers.Conv2D(4, kernel_size, strides, padding, activation="relu", use_bias=False)
    plain.build((None, *size, 2))
    kernel, scores = state(layer)
    plain.kernel.assign(kernel * brute(scores, 0.7))
    assert (y > 0).any()
    np.testing.assert_allclose(y, keras.ops.convert_to_numpy(plain(np.float32(x))), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("shape", "transform"), [((4, 6), "abs"), ((2, 3, 6), "none"), ((2, 1, 3, 6), "abs")])
def test_dense_is_the_product_with_the_masked_kernel(shape, transform, brute):
    layer = ScoreMaskedDense(5, activation="tanh", sparsity=0.4, score_transform=transform, seed=1)
    x = normal(shape)
    y = call(layer, x)
    assert y.shape == layer.compute_output_shape(shape) == layer(keras.Input(batch_shape=shape)).shape
    assert layer(keras.Input(shape[1:])).shape == (None, *y.shape[1:])
    kernel, scores = state(layer)
    assert kernel.shape == scores.shape == (6, 5)
    np.testing.assert_allclose(y, np.tanh(x @ (kernel * brute(scores, 0.4, transform))), atol=1e-5)


def test_mask_is_that_of_the_present_scores(brute):
    layer = built(ScoreMaskedDense, sparsity=0.3)
    layer.mask()
    layer.scores.assign(normal(layer.scores.shape))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer.mask()), brute(state(layer)[1], 0.3))


def test_symbolic_inputs_of_the_wrong_kind_are_refused():
    for kind, shape in [(ScoreMaskedDense, (6,)), (ScoreMaskedDense, (None, 5)), (ScoreMaskedConv, (None, 5, 3))]:
        layer = built(kind)
        with pytest.raises(ValueError, match="incompatible"):
            layer(keras.KerasTensor(shape))


@pytest.mark.parametrize("kind", CLASSES)
def test_regularizer_is_that_of_the_scores(kind):
    layer = built(kind, score_regularizer=keras.regularizers.L2(0.25))
    (loss,) = layer.losses
    assert keras.ops.convert_to_numpy(loss) == pytest.approx(
        0.25 * (state(layer)[1].astype("float64") ** 2).sum(), rel=1e-5
    )
    assert built(kind).losses == []


@pytest.mark.parametrize("kind", CLASSES)
def test_only_scores_are_trainable(kind):
    layer = built(kind)
    for _ in range(2):
        assert [v.name for v in layer.trainable_variables] == ["scores"]
        assert [v.name for v in layer.non_trainable_variables] == ["kernel"]
        layer.trainable = False
        assert layer.trainable_variables == []
        layer.trainable = True  # unfreezes the scores alone


@pytest.mark.parametrize("transform", ["none", "abs"])
def test_every_score_of_a_dense_layer_gets_the_gradient_of_its_weight(transform):
    layer = built(ScoreMaskedDense, sparsity=0.6, score_transform=transform, seed=1)
    x, weights = normal((4, 6)), normal((4, 7), 1)
    kernel, scores = state(layer)
    expected = x.T @ weights * kernel * (np.sign(scores) if transform == "abs" else 1)
    assert (expected != 0).all()
    np.testing.assert_allclose(score_gradient(layer, x, weights), expected, rtol=1e-4, atol=1e-5)


def test_every_score_of_a_convolution_gets_the_gradient_of_its_weight():
    layer = built(ScoreMaskedConv, sparsity=0.6, seed=1)
    x, weights = normal((2, 5, 5, 3)), normal((2, 3, 4, 7), 1)  # kernel (3, 2), valid
    kernel, _ = state(layer)
    expected = np.empty((3, 2, 3, 7))
    for row in range(3):
        for column in range(2):
            patch = x[:, row : row + 3, column : column + 4]
            expected[row, column] = np.einsum("bhwc,bhwf->cf", patch, weights)
    np.testing.assert_allclose(score_gradient(layer, x, weights), expected * kernel, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", CLASSES)
def test_gradient_of_the_inputs_is_the_finite_difference(kind):
    layer = built(kind, activation="tanh", seed=1)
    shape, step = (1, *SHAPES[kind][1:]), 1e-2
    x = np.float32(normal(shape))
    weights = np.float32(normal(layer.compute_output_shape(shape), 1))
    found = gradient(lambda x: keras.ops.sum(layer(x) * keras.ops.array(weights)), x)
    shifts = step * np.eye(x.size).reshape(-1, *shape[1:])
    y = call(layer, np.concatenate([x + shifts, x - shifts])).astype("float64")
    up, down = np.split((y * weights).sum(tuple(range(1, y.ndim))), 2)
    np.testing.assert_allclose(found.reshape(-1), (up - down) / (2 * step), rtol=1e-2, atol=2e-3)


def test_five_steps_of_sgd_are_those_derived_by_hand(brute):
    """A masked MLP in float64: cross-entropy, coupled weight decay, momentum, straight-through masks."""
    decay, rate, momentum = 0.02, 0.5, 0.9
    regularizer = keras.regularizers.L2(decay / 2)
    first = ScoreMaskedDense(8, activation="relu", score_regularizer=regularizer, seed=1)
    options = {"sparsity": 0.3, "score_transform": "abs", "kernel_initializer": "signed_kaiming_constant", "seed": 2}
    second = ScoreMaskedDense(4, score_regularizer=regularizer, **options)
    model = keras.Sequential([keras.Input((6,)), first, second])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate, momentum), loss)

    rng = np.random.default_rng(1)
    x, labels = rng.normal(size=(16, 6)), np.arange(16) % 4
    (w1, s1), (w2, s2) = ([array.astype("float64") for array in state(layer)] for layer in (first, second))
    v1, v2, flipped = 0, 0, 0
    for _ in range(5):
        m1, m2 = brute(s1, 0.5), brute(s2, 0.3, "abs")
        assert min(gap(s1, m1), gap(np.abs(s2), m2)) > 1e-4  # no rounding decides what is kept
        before = x @ (w1 * m1)
        h = np.maximum(before, 0)
        z = h @ (w2 * m2)
        softmax = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        dz = (softmax - np.eye(4)[labels]) / 16
        g2 = h.T @ dz * w2 * np.sign(s2) + decay * s2
        g1 = x.T @ (dz @ (w2 * m2).T * (before > 0)) * w1 + decay * s1
        v1, v2 = momentum * v1 - rate * g1, momentum * v2 - rate * g2
        s1, s2 = s1 + v1, s2 + v2
        flipped += (brute(s1, 0.5) != m1).sum() + (brute(s2, 0.3, "abs") != m2).sum()

        model.train_on_batch(np.float32(x), labels)
        np.testing.assert_allclose(state(first)[1], s1, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(state(second)[1], s2, rtol=1e-4, atol=1e-6)
    assert flipped > 0


def gap(values, mask):
    """Between the smallest value that is kept and the largest that is not."""
    return values[mask == 1].min() - values[mask == 0].max()


def test_mixed_precision_ranks_scores_in_float32(brute):
    """With the identity as input the output is the masked kernel."""
    layer = ScoreMaskedDense(8, sparsity=0.7, kernel_initializer="signed_kaiming_constant", dtype="mixed_bfloat16")
    layer.build((None, 8))
    scores = 1 + np.random.default_rng(5).permutation(64).reshape(8, 8) * np.float32(2**-20)
    assert keras.ops.convert_to_numpy(keras.ops.cast(scores, "bfloat16")).astype("float32").std() == 0
    layer.scores.assign(scores)
    y = compiled(layer)(keras.ops.eye(8))
    assert keras.backend.standardize_dtype(y.dtype) == layer.compute_dtype == "bfloat16"
    assert layer.scores.dtype == layer.kernel.dtype == "float32"
    kept = keras.ops.convert_to_numpy(keras.ops.cast(y, "float32")) != 0
    assert kept.sum() == 64 - math.floor(0.7 * 64)
    np.testing.assert_array_equal(kept, brute(scores, 0.7))


def test_mixed_precision_trains():
    layer = ScoreMaskedDense(3, dtype="mixed_bfloat16", seed=1)
    model = keras.Sequential([keras.Input((6,)), layer])
    before = state(layer)
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(normal((4, 6)), normal((4, 3))))
    np.testing.assert_array_equal(state(layer)[0], before[0])
    assert (state(layer)[1] != before[1]).all()


@pytest.mark.parametrize("kind", CLASSES)
def test_a_trainable_kernel_is_refused(kind):
    layer = built(kind, name="mine")
    layer.kernel.trainable = True
    with pytest.raises(ValueError, match=r"'mine' is frozen.*kernel\.trainable=True"):
        layer(np.zeros((1, *SHAPES[kind][1:]), "float32"))


@pytest.mark.parametrize("kind", CLASSES)
def test_nan_scores_are_refused(kind):
    layer = built(kind)
    scores = state(layer)[1].copy()
    scores.reshape(-1)[4] = np.nan
    layer.scores.assign(scores)
    with pytest.raises(ValueError, match="`scores` must not be NaN"):
        layer(np.zeros((1, *SHAPES[kind][1:]), "float32"))


SHARED = [("sparsity", value) for value in (-0.1, 1.0, float("nan"), True, None, "half")]
SHARED += [("score_transform", value) for value in ("Abs", None)]
SHARED += [("seed", value) for value in (-1, 2**32, 1.5, True, "one")]
POSITIVE = (0, -1, 1.5, True, None)
PAIRS = (*POSITIVE, (3,), (3, 3, 3), (3, 0), "3x", (2.0, 2))


@pytest.mark.parametrize(
    ("kind", "argument", "value"),
    [(kind, *case) for kind in CLASSES for case in SHARED]
    + [(ScoreMaskedDense, "units", value) for value in POSITIVE]
    + [(ScoreMaskedConv, "filters", value) for value in POSITIVE]
    + [(ScoreMaskedConv, argument, value) for argument in ("kernel_size", "strides") for value in PAIRS]
    + [(ScoreMaskedConv, "padding", value) for value in ("causal", "SAME", None)],
)
def test_bad_arguments_are_refused(kind, argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {argument}="):
        kind(**{**CLASSES[kind], argument: value})


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("argument", ["kernel_initializer", "score_initializer"])
@pytest.mark.parametrize("value", ["kaiming", None])
def test_unknown_initializers_are_refused(kind, argument, value):
    with pytest.raises(ValueError, match=r"(?i)initializer"):
        kind(**CLASSES[kind], **{argument: value})


@pytest.mark.parametrize("kind", CLASSES)
def test_seeds(kind):
    first, same, other, fresh, another = (state(built(kind, seed=seed)) for seed in (1, np.int64(1), 2, None, None))
    for i in range(2):
        np.testing.assert_array_equal(first[i], same[i])
    assert len({array.tobytes() for pair in (first, other, fresh, another) for array in pair}) == 8


@pytest.mark.parametrize("kind", CLASSES)
def test_an_initializer_keeps_its_own_seed(kind):
    first, second = (state(built(kind, kernel_initializer=KaimingUniform(3), seed=seed)) for seed in (1, 2))
    np.testing.assert_array_equal(first[0], second[0])
    assert not np.array_equal(first[1], second[1])


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_kernel_and_scores_are_independent(seed):
    layer, other = ScoreMaskedDense(200, seed=seed), ScoreMaskedDense(200, seed=(seed + 1) % 2**32)
    for one in (layer, other):
        one.build((None, 100))
    (kernel, scores), (next_kernel, next_scores) = state(layer), state(other)
    for a, b in ((kernel, scores), (kernel, next_kernel), (scores, next_scores), (scores, next_kernel)):
        assert abs(np.corrcoef(a.reshape(-1), b.reshape(-1))[0, 1]) < 5 / math.sqrt(kernel.size)


def test_masked_layers_finds_nested_ones_once_in_order():
    shared, inner = ScoreMaskedDense(4, name="shared"), ScoreMaskedDense(4, name="inner")
    deep = keras.Sequential([keras.Input((4,)), keras.Sequential([keras.Input((4,)), inner]), keras.layers.ReLU()])
    inputs = keras.Input((4,))
    first = ScoreMaskedDense(4, name="first")
    x = shared(deep(shared(keras.layers.Dense(4)(first(inputs)))))
    last = ScoreMaskedDense(2, name="last")
    model = keras.Model(inputs, last(deep(x)))
    assert [id(layer) for layer in masked_layers(model)] == [id(layer) for layer in (first, shared, inner, last)]
    assert masked_layers(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])) == []


@pytest.mark.parametrize("shape", [(1, 2, 5, 3), (1, 5, 1, 3)])
def test_a_kernel_larger_than_the_input_is_refused(shape):
    message = rf"`kernel_size` must not be larger.*\(3, 2\), inputs of shape {re.escape(str(shape))}"
    with pytest.raises(ValueError, match=message):
        ScoreMaskedConv(7, (3, 2))(np.zeros(shape, "float32"))
    assert ScoreMaskedConv(7, (3, 2), padding="same")(np.zeros(shape, "float32")).shape == (*shape[:3], 7)
