"""Closed forms of Coin-Flipping Neural Networks: what the ball classifiers do, and what a majority is worth.

All functions take numbers or arrays and broadcast; norms and radii are Euclidean lengths.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from zoo.layers.arguments import as_numbers, float_where, int_where, ints_at_least, positive_float


def ball_offset(radius: float = 1.0, alpha: float = 0.75) -> float:
    """b = R quantile(1 / (2 alpha)) of the standard normal law: then a point on the sphere is called outside by half.

    Args:
        radius: R > 0.
        alpha: Probability in (0.5, 1] that the gate is open. At 1 the offset is 0, and no point has a majority.

    Raises:
        ValueError: If an argument is out of range.

    Reference: section 3, proof of Theorem 3.1.
    """
    return positive_float("radius", radius) * float(special.ndtri(1 / (2 * check_alpha(alpha))))


def ball_probability(norm: ArrayLike, radius: float = 1.0, alpha: float = 0.75) -> np.ndarray:
    """Probability that a flip of `ball_cfnn` calls a point of that norm outside: 1 - alpha cdf(b / norm).

    Arguments as in `ball_offset`; norms >= 0. Reference: section 3, Fig. 1.
    """
    offset = ball_offset(radius, alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(_norms(norm) > 0, np.divide(offset, norm), np.inf)  # u.0 > b never holds
    return 1 - alpha * special.ndtr(ratio)


def tangent_offset(radius: float = 1.0, alpha: float = 0.75, dim: int = 2) -> float:
    """Distance b of the tangents from the origin, with which a point on the sphere is called outside by half.

    In two dimensions b = R cos(pi (1 - 1 / (2 alpha))). In d the direction u is uniform on the sphere, where
    P[u_1 > c] = I_{1 - c^2}((d - 1) / 2, 1 / 2) / 2 with the regularised incomplete beta function.

    Args:
        radius: R > 0.
        alpha: Probability in (0.5, 1] of a tangent; else the constant "outside".
        dim: Dimensions, >= 2: in one there are two directions, and no offset has that property.

    Raises:
        ValueError: If an argument is out of range.

    Reference: appendix A and, for d > 2, its extension by a random direction.
    """
    tail = 2 - 1 / check_alpha(alpha)  # twice P[u_1 > b / R]
    return positive_float("radius", radius) * float(np.sqrt(1 - special.betaincinv((_dim(dim) - 1) / 2, 0.5, tail)))


def tangent_probability(norm: ArrayLike, radius: float = 1.0, alpha: float = 0.75, dim: int = 2) -> np.ndarray:
    """Probability that a flip of `tangent_cfnn` calls a point of that norm outside.

    Arguments as in `tangent_offset`; norms >= 0. Reference: appendix A.
    """
    norm, offset = _norms(norm), tangent_offset(radius, alpha, dim)
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = np.where(norm > offset, (offset / norm) ** 2, 1.0)
    return 1 - alpha + alpha * special.betainc((dim - 1) / 2, 0.5, 1 - squared) / 2


def majority_accuracy(probability: ArrayLike, samples: ArrayLike) -> np.ndarray:
    """Probability that the majority of `samples` independent flips is right, each right with `probability`.

    The upper tail of a binomial law; a tie of an even number counts half.

    Args:
        probability: Numbers in [0, 1].
        samples: Ints >= 1.

    Raises:
        ValueError: If an argument is out of range.

    Reference: section 2.1.
    """
    p, n = as_numbers("probability", probability), ints_at_least("samples", samples, 1)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"`probability` must be in [0, 1]. Received: probability={probability!r}")
    more, half = n // 2 + 1, (n + 1) // 2
    upper = special.betainc(more, n - more + 1, p)  # P[more right than wrong]
    not_fewer = special.betainc(half, n - half + 1, p)  # and the tie, if there can be one
    return (upper + not_fewer) / 2


def hoeffding_error(probability: ArrayLike, samples: ArrayLike) -> np.ndarray:
    """Hoeffding's bound exp(-2 n (p - 1/2)^2) on the probability that the majority of n flips is wrong; p > 1/2.

    Reference: appendix B, Lemma B.1.
    """
    margin = as_numbers("probability", probability) - 0.5
    if not ((margin > 0) & (margin <= 0.5)).all():
        raise ValueError(f"`probability` must be in (0.5, 1]. Received: probability={probability!r}")
    return np.exp(-2 * ints_at_least("samples", samples, 1) * margin**2)


def flips_for_ball(error: float, shell: float, radius: float = 1.0, alpha: float = 0.75) -> int:
    """Flips of `ball_cfnn` with which its majority has mean squared error at most `error`, by Theorem 3.2.

    n >= (ln(1 - error / 2) - ln(error / 2)) / (2 margin^2), the margin being the least distance from 1/2 of the
    probabilities outside the shell. Theorem 3.2 counts a wrong answer as 1.

    Args:
        error: In (0, 1).
        shell: Half the thickness > 0 of the shell around the sphere that the inputs meet with probability error / 2.
        radius: R > 0.
        alpha: In (0.5, 1).

    Raises:
        ValueError: If an argument is out of range.

    Reference: Theorem 3.2, appendix B.1.
    """
    float_where("error", error, lambda e: 0 < e < 1, "in (0, 1)")
    edges = np.array([max(radius - positive_float("shell", shell), 0.0), radius + shell])
    margin = np.abs(ball_probability(edges, radius, alpha) - 0.5).min()
    if not margin:
        raise ValueError(f"`alpha` must be below 1: then no number of flips is enough. Received: alpha={alpha!r}")
    return int(np.ceil((np.log1p(-error / 2) - np.log(error / 2)) / (2 * margin**2)))


def check_alpha(alpha: float) -> float:
    """Return `alpha` as a float, or raise a `ValueError` if it is outside (0.5, 1]."""
    return float_where("alpha", alpha, lambda a: 0.5 < a <= 1, "in (0.5, 1]")


def _dim(dim: int) -> int:
    return int_where("dim", dim, lambda n: n >= 2, "an int >= 2")


def _norms(norm: ArrayLike) -> np.ndarray:
    found = as_numbers("norm", norm)
    if not (found >= 0).all():
        raise ValueError(f"`norm` must be numbers >= 0. Received: norm={norm!r}")
    return found
