"""Synthetic targets against formulas written out for one example at a time."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from zoo.recipes.papers.modularity.synthetic_targets import synthetic_target

pytestmark = pytest.mark.backend_free
SIZES = {
    1: [(40, 300), (300, 300), (300, 40)],
    2: [(80, 100), (100, 50), (50, 50), (50, 1)],
    3: [(40, 100), (100, 100), (100, 50), (50, 1)],
    4: [(40, 300), (300, 300), (300, 40)],
}


def elu(v):
    return np.array([u if u > 0 else np.exp(u) - 1 for u in v])


def by_hand(kind, kernels, x, condition):
    kernels = [kernel.astype("float64") for kernel in kernels]
    if kind == 1:
        first, second, last = kernels
        return x @ softmax(last.T @ expit(second.T @ expit(first.T @ condition)))
    if kind == 4:
        first, second, last = kernels
        return x @ softmax(10 * last.T @ (expit(second.T @ (expit(first.T @ condition) - 0.5)) - 0.5))
    h = np.concatenate([x, condition]) if kind == 2 else x * condition
    for kernel in kernels[:-1]:
        h = elu(kernel.T @ h)
    return (kernels[-1].T @ h)[0]


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_targets_are_the_papers_networks(kind):
    target = synthetic_target(kind, 40, 40, seed=3)
    assert [kernel.shape for kernel in target.kernels] == SIZES[kind]
    x, condition = np.random.default_rng(0).normal(0, 3, (2, 20, 40)).astype("float32")
    y = target(x, condition)
    assert y.shape == (20, 1)
    assert y.dtype == np.float32
    expected = [by_hand(kind, target.kernels, *pair) for pair in zip(x, condition, strict=True)]
    np.testing.assert_allclose(y[:, 0], expected, rtol=1e-4, atol=1e-4)
    assert y.std() > 0


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_weights_are_he_uniform(kind):
    for kernel in synthetic_target(kind, 500, 500, seed=1).kernels:
        bound = np.sqrt(6 / kernel.shape[0])
        assert abs(kernel).max() <= bound
        if kernel.size > 1000:
            assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
            assert abs(kernel).max() == pytest.approx(bound, rel=0.01)


@pytest.mark.parametrize(("kind", "low", "high"), [(1, 0, 0.05), (4, 0.5, 1.1)])
def test_what_a_linear_function_of_x_leaves_of_the_variance(kind, low, high):
    target = synthetic_target(kind, 40, 40, seed=0)
    x, condition = np.random.default_rng(1).standard_normal((2, 8000, 40), dtype="float32")
    y = target(x, condition)
    line = np.linalg.lstsq(x[:5000], y[:5000], rcond=None)[0]
    assert low < np.var(y[5000:] - x[5000:] @ line) / np.var(y[5000:]) < high


def test_a_seed_fixes_the_target():
    first, same, other = (synthetic_target(1, 8, 6, seed) for seed in (1, 1, 2))
    for a, b, c in zip(first.kernels, same.kernels, other.kernels, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).all()
    assert [kernel.shape for kernel in first.kernels] == [(6, 300), (300, 300), (300, 8)]


def test_large_numbers_do_not_overflow():
    with np.errstate(all="raise", under="ignore"):
        for kind in (1, 2, 3):
            x = np.full((2, 5), 1e3, "float32")
            assert np.isfinite(synthetic_target(kind, 5, 5, 0)(x, -x)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 5, 5, 0), "`type` must be 1, 2, 3 or 4. Received: type=5"),
        ((1, 0, 5, 0), "`x_size` must be a positive int"),
        ((1, 5, 0, 0), "`condition_size` must be a positive int"),
        ((1, 5, 5, -1), "`seed` must be an int"),
        ((3, 5, 6, 0), "`condition_size` must be x_size for type 3"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        synthetic_target(*arguments)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 4), (3, 5)), r"`x` must have shape \(3, 5\)"),
        (((3, 5), (3, 4)), r"`condition` must have shape \(3, 5\)"),
        (((3, 5), (2, 5)), r"`condition` must have shape \(3, 5\)"),
    ],
)
@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_arrays_of_other_sizes_are_named(kind, shapes, message):
    with pytest.raises(ValueError, match=message):
        synthetic_target(kind, 5, 5, 0)(*[np.ones(shape, "float32") for shape in shapes])
