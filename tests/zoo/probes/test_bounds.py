import itertools

import numpy as np
import pytest

from zoo.probes.bounds import length_growth, most_activation_patterns


@pytest.mark.parametrize(("width", "sigma_w", "sigma_b"), [(8, 1.0, 0.0), (64, 2.0, 0.5), (200, 4.0, 0.0)])
def test_growth_of_a_random_layer_lies_between_the_bounds(width, sigma_w, sigma_b):
    """Steps through layers by NumPy: the perpendicular component is above the lower, all of it below the upper."""
    rng = np.random.default_rng(0)
    n = 4000
    z = np.clip(rng.normal(size=(n, width)) * sigma_w, -1, 1)
    step = rng.normal(size=(n, width))
    step -= z * (np.sum(step * z, axis=1) / np.sum(z * z, axis=1))[:, None]
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    # Products with a kernel of each row's own, of two fixed vectors: normal, and independent as these are orthogonal.
    deviation = sigma_w / np.sqrt(width)
    h = rng.normal(size=(n, width)) * deviation * np.linalg.norm(z, axis=1, keepdims=True)
    h += sigma_b * rng.normal(size=(n, width))
    linear = rng.normal(size=(n, width)) * deviation
    after, image = linear * (np.abs(h) < 1), np.clip(h, -1, 1)
    across = after - image * (np.sum(after * image, axis=1) / np.sum(image**2, axis=1))[:, None]
    bounds = length_growth(width, sigma_w, sigma_b)
    error = 5 * sigma_w / np.sqrt(n)
    assert np.linalg.norm(across, axis=1).mean() > bounds.lower - error
    assert np.linalg.norm(after, axis=1).mean() < bounds.upper + error
    assert abs(np.linalg.norm(linear, axis=1).mean() - bounds.upper) < error
    assert bounds.lower < bounds.upper <= sigma_w


def test_lower_bounds_grow_as_theorem_1_says():
    """In proportion to sqrt(sigma_w) sqrt(k) / sqrt(sigma_w + k); the factor's limit is the root of sqrt(2 / pi)."""
    grid = [(k, s) for k in (256, 1024, 100_000) for s in (8.0, 16.0, 32.0)]
    factors = [length_growth(k, s).lower / np.sqrt(s * k / (s + k)) for k, s in grid]
    limit = (2 / np.pi) ** 0.25
    assert 0.85 * limit < min(factors) < max(factors) < limit
    assert factors[-2:] == pytest.approx([limit, limit], rel=2e-3)


@pytest.mark.parametrize(("planes", "dim"), [(1, 1), (4, 1), (3, 2), (5, 2), (4, 3)])
def test_regions_of_an_arrangement_by_their_recursion(planes, dim):
    def regions(k, m):
        return 1 if k == 0 or m == 0 else regions(k - 1, m) + regions(k - 1, m - 1)

    assert most_activation_patterns(planes, 1, dim) == regions(planes, dim)
    assert most_activation_patterns(planes, 3, dim) == regions(planes, dim) ** 3
    assert most_activation_patterns(planes, 2, dim, "hard_tanh") == regions(2 * planes, dim) ** 2


def test_one_layer_never_has_more_patterns_than_the_bound():
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(2, 5)), rng.normal(size=5)
    grid = np.array(list(itertools.product(np.linspace(-20, 20, 400), repeat=2)))
    found = len(np.unique(grid @ kernel + bias > 0, axis=0))
    assert 12 <= found <= most_activation_patterns(5, 1, 2) == 16


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: length_growth(0, 1.0), "width"),
        (lambda: length_growth(5, 0.0), "sigma_w"),
        (lambda: length_growth(5, 1.0, -1.0), "sigma_b"),
        (lambda: most_activation_patterns(0, 1, 1), "width"),
        (lambda: most_activation_patterns(1, 0, 1), "depth"),
        (lambda: most_activation_patterns(1, 1, 0), "dim"),
        (lambda: most_activation_patterns(1, 1, 1, "tanh"), "activation"),
    ],
)
def test_bad_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        call()
