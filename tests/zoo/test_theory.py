import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest

from zoo import theory

pytestmark = pytest.mark.backend_free

ALPHAS = (0.51, 0.75, 1.0)
NORMS = np.array([0.0, 0.3, 0.99, 1.0, 1.01, 3.0, 1e6])


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_the_ball_by_the_normal_law_of_one_product(radius, alpha):
    b = radius * NormalDist().inv_cdf(1 / (2 * alpha))
    expected = [1 - alpha * (NormalDist().cdf(b / r) if r else 1) for r in NORMS * radius]
    np.testing.assert_allclose(theory.ball_probability(NORMS * radius, radius, alpha), expected, atol=1e-12)
    assert theory.ball_offset(radius, alpha) == pytest.approx(b, abs=1e-12)


@pytest.mark.parametrize("dim", [2, 3, 10])
@pytest.mark.parametrize("alpha", [0.6, 0.9])
def test_tangents_by_drawing_them(dim, alpha):
    """u_1 of a normal vector of length 1, 400,000 times."""
    u = np.random.default_rng(dim).normal(size=(400_000, dim))
    first = u[:, 0] / np.linalg.norm(u, axis=1)
    b = theory.tangent_offset(2.0, alpha, dim)
    for norm in (0.0, b * 0.999, 1.0, 2.0, 2.5, 50.0):
        p = 1 - alpha + alpha * (first * norm > b).mean()
        assert abs(theory.tangent_probability(norm, 2.0, alpha, dim) - p) < 5 * alpha * 0.5 / math.sqrt(400_000)


def test_tangents_of_a_circle_and_of_a_sphere():
    """Arcs (the paper's) and, in three dimensions, Archimedes: a coordinate of the sphere is uniform."""
    norms = np.array([1.0, 1.2, 4.0])
    b = math.cos(math.pi * (1 - 1 / 1.5))
    np.testing.assert_allclose(
        theory.tangent_probability(norms, 1.0, 0.75), 0.25 + 0.75 * np.arccos(b / norms) / math.pi, atol=1e-12
    )
    b = 2 / 1.5 - 1  # P[u_1 > b] = (1 - b) / 2 = 1 - 1 / (2 alpha)
    np.testing.assert_allclose(
        theory.tangent_probability(norms, 1.0, 0.75, 3), 0.25 + 0.75 * (1 - b / norms) / 2, atol=1e-12
    )


@pytest.mark.parametrize("alpha", ALPHAS[:2])
def test_half_on_the_sphere_less_inside_and_more_outside(alpha):
    for dim in (2, 7, 1000):
        for p in (theory.ball_probability(NORMS, 1.0, alpha), theory.tangent_probability(NORMS, 1.0, alpha, dim)):
            assert p[3] == pytest.approx(0.5, abs=1e-12)
            assert (p[:3] < 0.5).all()
            assert (p[4:] > 0.5).all()
            assert p[0] == pytest.approx(1 - alpha)
            assert p[-1] == pytest.approx(1 - alpha / 2, abs=1e-4)


@pytest.mark.parametrize("samples", [1, 2, 5, 8])
def test_a_majority_by_listing_all_flips(samples):
    for p in (0.0, 0.3, 0.5, 0.8, 1.0):
        total = 0.0
        for flips in itertools.product((0, 1), repeat=samples):
            right = sum(flips)
            chance = p**right * (1 - p) ** (samples - right)
            total += chance * (1.0 if 2 * right > samples else 0.5 if 2 * right == samples else 0.0)
        assert theory.majority_accuracy(p, samples) == pytest.approx(total, abs=1e-12)


def test_majorities_broadcast_and_stay_within_hoeffding():
    p, n = np.array([[0.51], [0.6], [0.9]]), np.array([1, 11, 101, 1001])
    accuracy, bound = theory.majority_accuracy(p, n), theory.hoeffding_error(p, n)
    assert accuracy.shape == bound.shape == (3, 4)
    assert (1 - accuracy <= bound).all()
    np.testing.assert_allclose(bound[1], np.exp(-2 * n * 0.01))
    assert (np.diff(accuracy[:2]) > 0).all()


@pytest.mark.parametrize(("error", "shell", "radius"), [(0.1, 0.05, 1.0), (0.5, 0.5, 2.0), (0.2, 5.0, 1.0)])
def test_flips_that_theorem_3_2_asks_for(error, shell, radius):
    """The least n for which shell and the farthest points outside it err less than `error`, by its own two steps."""
    n = theory.flips_for_ball(error, shell, radius)
    edges = theory.ball_probability([max(radius - shell, 0), radius + shell], radius)
    margin = np.abs(edges - 0.5).min()
    beta = (error / 2) / (1 - error / 2)
    assert math.exp(-2 * n * margin**2) <= beta < math.exp(-2 * (n - 1) * margin**2)
    assert 1 - theory.majority_accuracy(0.5 + margin, n) <= beta  # what the bound is of


@pytest.mark.parametrize(
    ("call", "name"),
    [
        *[(lambda alpha=alpha: theory.ball_offset(1.0, alpha), "alpha") for alpha in (0.5, 1.01, 0, "a", True)],
        (lambda: theory.tangent_offset(1.0, 0.5), "alpha"),
        (lambda: theory.ball_offset(0.0), "radius"),
        (lambda: theory.tangent_offset(-1.0), "radius"),
        (lambda: theory.tangent_offset(dim=1), "dim"),
        (lambda: theory.tangent_offset(dim=2.0), "dim"),
        (lambda: theory.ball_probability(-1.0), "norm"),
        (lambda: theory.tangent_probability(float("nan")), "norm"),
        (lambda: theory.majority_accuracy(1.2, 5), "probability"),
        (lambda: theory.majority_accuracy(0.5, 0), "samples"),
        (lambda: theory.majority_accuracy(0.5, 2.5), "samples"),
        (lambda: theory.hoeffding_error(0.5, 3), "probability"),
        *[(lambda n=n: theory.hoeffding_error(0.6, n), "samples") for n in (0, 2.5, "a")],
        (lambda: theory.hoeffding_error("a", 1), "probability"),
        (lambda: theory.majority_accuracy("a", 3), "probability"),
        (lambda: theory.ball_probability("a"), "norm"),
        (lambda: theory.tangent_probability([[1], [1, 2]]), "norm"),
        *[(lambda error=error: theory.flips_for_ball(error, 0.1), "error") for error in (0.0, 1.0, "a")],
        (lambda: theory.flips_for_ball(0.1, 0.0), "shell"),
        (lambda: theory.flips_for_ball(0.1, 0.1, alpha=1.0), "alpha"),
    ],
)
def test_bad_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        call()


def test_small_ints_do_not_overflow():
    for dtype in ("int8", "uint8"):
        n = np.array([100], dtype)
        assert theory.hoeffding_error(0.75, n) == pytest.approx(np.exp(-12.5))
        assert theory.majority_accuracy(0.75, np.array([127], dtype)) == pytest.approx(1, abs=1e-6)
