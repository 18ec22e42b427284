import math
import re

import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
from gradients import gradients

from zoo.layers import topk_mask
from zoo.layers.masks import topk_mask_numpy

JAX = keras.backend.backend() == "jax"
TRANSFORMS = ("none", "abs")
SIZE = 200_000


def masks(scores, cases):
    """The masks of (sparsity, score_transform) cases."""
    scores = keras.ops.convert_to_tensor(scores)
    return [keras.ops.convert_to_numpy(topk_mask(scores, *case)) for case in cases]


def compiled(function, **kwargs):
    if JAX:
        import jax

        return jax.jit(function)
    if keras.backend.backend() == "torch":
        return function  # nothing is compiled there unless a model is told to
    import tensorflow as tf

    return tf.function(function, **kwargs)


def gradient(function, x):
    """Of the scalar that `function` makes of `x`."""
    return gradients(function, [x])[1][0]


def small(rng, size):
    """Vectors of that size: all different, heavy ties, ties of both signs, and zeros of both signs."""
    return [
        np.float32(rng.normal(size=size)),
        rng.integers(0, 3, size),
        rng.choice([-2.0, -1.0, 1.0, 2.0], size),
        rng.choice([-0.0, 0.0, 1e-30, -1e-30], size),
    ]


@pytest.mark.parametrize("size", [1, 2, 5, 12, 64] if JAX else range(1, 65))  # JAX compiles for each
@pytest.mark.on_tensorflow
def test_every_small_size(size, brute):
    rng = np.random.default_rng(size)
    sparsities = [0.0, 0.29, 1 - 1 / size, math.nextafter(1, 0), rng.random(), *(rng.integers(size, size=2) / size)]
    cases = [(p, TRANSFORMS[(size + i) % 2]) for i, p in enumerate(sparsities)]
    for scores in small(rng, size) if JAX else [small(rng, size)[size % 4]]:
        for case, mask in zip(cases, masks(np.float32(scores), cases), strict=True):
            np.testing.assert_array_equal(mask, brute(scores, *case), err_msg=f"{scores} {case}")
            np.testing.assert_array_equal(topk_mask_numpy(scores, *case), mask)


@pytest.mark.parametrize("size", [1500] if JAX else [1023, 1024, 1025, 1500, 2048, 8192])
def test_ties_of_middle_sizes(size, brute):
    """Ties are searched for in blocks."""
    rng, cases = np.random.default_rng(size), [(p, "none") for p in (0.0, 1 / size, 0.3, 0.5, 0.8, 1 - 1 / size)]
    for scores in (np.zeros(size), rng.integers(0, 2, size), np.repeat([2.0, 0.0, 1.0], size)[::3][:size]):
        for case, mask in zip(cases, masks(np.float32(scores), cases), strict=True):
            np.testing.assert_array_equal(mask, brute(scores, *case), err_msg=f"{case}")


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(
    "values",
    [
        [0.0, -0.0, 0.0, -0.0, 0.0, -0.0, 0.0, -0.0],
        [-0.0, 1.0, 0.0, -1.0, -0.0, 0.0, -0.0, 0.0],
        [1e-45, -1e-45, 3e-45, 0.0, -0.0, 1e-39, -1e-39, 1.2e-38],  # denormals, which a backend may flush to 0
        [np.inf, -np.inf, 0.0, 1.0, np.inf, -np.inf, 3.4028235e38, -3.4028235e38],
        [np.inf] * 8,
        [-np.inf] * 7 + [1.0],
    ],
)
def test_extreme_scores(values, transform, brute):
    scores = np.float32(values)
    cases = [(pruned / 8, transform) for pruned in range(8)]
    for case, mask in zip(cases, masks(scores, cases), strict=True):
        np.testing.assert_array_equal(mask, brute(scores, *case))
        np.testing.assert_array_equal(topk_mask_numpy(scores, *case), mask)


def misleading(rng):
    """Every 49th score, of which the first guess is made, is nothing like the others."""
    scores = rng.random(SIZE)
    scores[:60_000] += 1e6
    scores[60_000:90_000] -= 1e-3
    scores[::49] = np.exp(30 * rng.random(len(scores[::49])))
    return scores


def tied_ends(rng):
    """Ties at both ends, of which that guess knows nothing."""
    scores, place = rng.normal(size=SIZE), np.arange(SIZE) % 49
    scores[place == 1] = 10
    scores[(place > 1) & (place < 10)] = -10
    return scores


LARGE = {
    "normal": lambda rng: rng.normal(size=SIZE),
    "cauchy": lambda rng: rng.standard_cauchy(SIZE),
    "few": lambda rng: rng.integers(-2, 3, SIZE),
    "wide": lambda rng: rng.lognormal(0, 10, SIZE) * rng.choice([-1, 1], SIZE),
    "constant": lambda rng: np.full(SIZE, -1.5),
    "sorted": lambda rng: np.sort(rng.normal(size=SIZE)),
    "misleading": misleading,
    "tied ends": tied_ends,
    "outlier": lambda rng: np.append(rng.normal(size=SIZE - 1), np.inf),
}


@pytest.mark.parametrize("distribution", LARGE)
def test_large_tensors_are_exact(distribution):
    scores = np.float32(LARGE[distribution](np.random.default_rng(1))).reshape(50, 4, -1)
    cases = [(0.1, "none"), (0.5, "abs"), (0.7, "none"), (0.999, "none")]
    for (sparsity, transform), mask in zip(cases, masks(scores, cases), strict=True):
        values = (np.abs(scores) if transform == "abs" else scores).reshape(-1)
        keep = SIZE - math.floor(sparsity * SIZE)
        threshold = np.partition(values, SIZE - keep)[SIZE - keep]
        expected = np.where(values > threshold, 1, 0)
        ties = np.flatnonzero(values == threshold)
        expected[ties[: keep - expected.sum()]] = 1
        assert mask.sum(dtype="int64") == keep
        np.testing.assert_array_equal(mask.reshape(-1), expected)
        np.testing.assert_array_equal(topk_mask_numpy(scores, sparsity, transform), mask)


@pytest.mark.parametrize("kwargs", [{}] if JAX else [{}, {"jit_compile": True}])
def test_in_a_compiled_function(kwargs, brute):
    call = compiled(lambda scores: [topk_mask(scores, 0.4), topk_mask(scores, 0.75, "abs")], **kwargs)
    rng = np.random.default_rng(2)
    for scores in (rng.normal(size=(5, 20)), rng.integers(-2, 3, (5, 20)), np.ones((5, 20))):  # the last two have ties
        plain, by_magnitude = (keras.ops.convert_to_numpy(mask) for mask in call(np.float32(scores)))
        np.testing.assert_array_equal(plain, brute(scores, 0.4))
        np.testing.assert_array_equal(by_magnitude, brute(scores, 0.75, "abs"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bits(dtype, brute):
    rng = np.random.default_rng(3)
    wide = rng.normal(size=(4, 4, 1)) * (1 + 1e-4 * rng.random((4, 4, 4)))
    wide[0] *= 2.0**-126 if dtype == "bfloat16" else 2.0**-15  # denormals
    scores = keras.ops.cast(wide, dtype)
    values = keras.ops.convert_to_numpy(scores).astype("float64")
    assert 2 < len(np.unique(values)) < len(np.unique(wide)) == 64  # rounding made ties
    cases = [(0.3, "none"), (0.6, "abs")]
    for case, mask in zip(cases, masks(scores, cases), strict=True):
        assert keras.backend.standardize_dtype(mask.dtype) == dtype
        np.testing.assert_array_equal(mask.astype("float64"), brute(values, *case))


@pytest.mark.usefixtures("wide_floats")
def test_64_bits(brute):
    """Scores that float32 could not tell apart, ties, and the ends of the range."""
    rng = np.random.default_rng(4)
    scores = (1 + 1e-12 * rng.integers(0, 60, (4, 25))) * rng.choice([-1, 1], (4, 25))
    scores[0, :6] = [1e300, -1e300, np.inf, -np.inf, 5e-324, -5e-324]
    cases = [(0.3, "none"), (0.6, "abs")]
    for case, mask in zip(cases, masks(scores, cases), strict=True):
        assert (mask.dtype, mask.shape) == (np.float64, (4, 25))
        np.testing.assert_array_equal(mask, brute(scores, *case))
        np.testing.assert_array_equal(topk_mask_numpy(scores, *case), mask)


@pytest.mark.parametrize("shape", [(), (2, 1, 4)])
def test_shape_and_dtype_are_the_scores(shape):
    (mask,) = masks(np.ones(shape, "float32"), [(0.5, "none")])
    assert (mask.shape, mask.dtype) == (shape, np.float32)
    assert topk_mask_numpy(np.ones(shape), 0.5).shape == shape
    assert topk_mask_numpy(np.ones(shape), 0.5).dtype == bool


@pytest.mark.parametrize("sparsity", [0.0, 0.7])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_gradient_passes_straight_through_to_every_score(transform, sparsity):
    rng = np.random.default_rng(5)
    scores, weights = np.float32(rng.normal(size=(4, 5))), np.float32(rng.normal(size=(4, 5)))
    found = gradient(lambda s: keras.ops.sum(topk_mask(s, sparsity, transform) * keras.ops.array(weights)), scores)
    np.testing.assert_array_equal(found, weights * np.sign(scores) if transform == "abs" else weights)


def test_gradient_passes_to_infinite_scores():
    scores, weights = np.float32([np.inf, 2, -np.inf, -1]), np.float32([3, 4, 5, 6])
    found = gradient(lambda s: keras.ops.sum(topk_mask(s, 0.5) * keras.ops.array(weights)), scores)
    np.testing.assert_array_equal(found, weights)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("nan", [np.nan, -np.nan])  # as bits the largest and the smallest number
def test_nan_is_refused(nan, transform):
    scores = np.float32([0, 1, np.inf, 3, -np.inf, nan])
    for function in (topk_mask, topk_mask_numpy):
        with pytest.raises(ValueError, match="`scores` must not be NaN"):
            function(scores, 0.5, transform)


@pytest.mark.not_on("torch", "nothing is compiled there: scores with NaN are refused")
def test_nan_makes_a_compiled_mask_nan():
    call = compiled(lambda scores: topk_mask(scores, 0.5))
    for nan in (np.nan, -np.nan):
        mask = keras.ops.convert_to_numpy(call(np.float32([[0, 1], [nan, 3]])))
        assert np.isnan(mask).all()
    good = np.float32([[0, 1], [2, 3]])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(call(good)), [[0, 0], [1, 1]])


CASES = [(0.25, "none"), (0.5, "abs"), (0.9, "none")]


@hypothesis.settings(deadline=None, max_examples=40, derandomize=True, database=None)
@hypothesis.given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=12))
def test_any_scores(brute, values):
    scores = np.resize(np.float32(values), 12)  # one size, since JAX compiles for each; repeated, which makes ties
    for case, mask in zip(CASES, masks(scores, CASES), strict=True):
        np.testing.assert_array_equal(mask, brute(scores, *case))
        np.testing.assert_array_equal(topk_mask_numpy(scores, *case), mask)


@pytest.mark.parametrize("function", [topk_mask, topk_mask_numpy])
@pytest.mark.parametrize(
    ("argument", "value"),
    [("sparsity", value) for value in (-0.1, 1.0, 1.5, float("nan"), True, None, "half")]
    + [("score_transform", value) for value in ("Abs", "square", None, 1)],
)
def test_bad_arguments_are_refused(function, argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {re.escape(f'{argument}={value!r}')}"):
        function(np.ones(4, "float32"), **{"sparsity": 0.5, argument: value})


@pytest.mark.parametrize("scores", [np.ones(4, "int32"), np.ones(4, bool), np.ones((0, 3), "float32")])
def test_scores_must_be_floats_and_some(scores):
    with pytest.raises(ValueError, match=r"`scores` must be floats"):
        topk_mask(scores, 0.5)
