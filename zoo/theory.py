"""Closed forms of Coin-Flipping Neural Networks: the laws of the ball classifiers, and the worth of a majority.

All functions take numbers or arrays and broadcast; norms and radii are Euclidean lengths.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from zoo.layers.arguments import as_numbers, float_where, int_where, ints_at_least, positive_float


def ball_offset(radius: float = 1.0, alpha: float = 0.75) -> float:
    """Offset b = R quantile(1 / (2 alpha)), with which half of the flips call a point on the sphere outside.

    The quantile is that of the standard normal law.

    Args:
        radius: R > 0.
        alpha: Probability in (0.5, 1] that the gate is open. At 1 the offset is 0, and no point has a majority.

    Returns:
        Float.

    Raises:
        ValueError: If an argument is out of range.

    Reference: section 3, proof of Theorem 3.1.

    Example:
        >>> round(theory.ball_offset(radius=2.0, alpha=0.75), 4)
        0.8615
    """
    return positive_float("radius", radius) * float(special.ndtri(1 / (2 * check_alpha(alpha))))


def ball_probability(norm: ArrayLike, radius: float = 1.0, alpha: float = 0.75) -> np.ndarray:
    """Probability that a flip of `ball_cfnn` calls a point of that norm outside: 1 - alpha cdf(b / norm).

    Args:
        norm: Numbers >= 0.
        radius: R > 0.
        alpha: Probability in (0.5, 1] that the gate is open.

    Returns:
        Array of the shape of `norm`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: section 3, Fig. 1.

    Example:
        >>> theory.ball_probability([0.5, 1.0, 2.0]).round(3)
        array([0.396, 0.5  , 0.561])
    """
    offset = ball_offset(radius, alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(_norms(norm) > 0, np.divide(offset, norm), np.inf)  # u.0 > b never holds
    return 1 - alpha * special.ndtr(ratio)


def tangent_offset(radius: float = 1.0, alpha: float = 0.75, dim: int = 2) -> float:
    """Distance b of the tangents from the origin, with which half of the flips call a point on the sphere outside.

    In two dimensions b = R cos(pi (1 - 1 / (2 alpha))). In d the direction u is uniform on the sphere, where
    P[u_1 > c] = I_{1 - c^2}((d - 1) / 2, 1 / 2) / 2 with the regularised incomplete beta function.

    Args:
        radius: R > 0.
        alpha: Probability in (0.5, 1] of a tangent; else the flip is the constant "outside".
        dim: Number of dimensions, an int >= 2: in one there are two directions, and no offset has that property.

    Returns:
        Float.

    Raises:
        ValueError: If an argument is out of range.

    Reference: appendix A and, for d > 2, its extension by a random direction.

    Example:
        >>> round(theory.tangent_offset(radius=1.0, alpha=0.75), 4)  # cos(pi / 3)
        0.5
    """
    tail = 2 - 1 / check_alpha(alpha)  # twice P[u_1 > b / R]
    return positive_float("radius", radius) * float(np.sqrt(1 - special.betaincinv((_dim(dim) - 1) / 2, 0.5, tail)))


def tangent_probability(norm: ArrayLike, radius: float = 1.0, alpha: float = 0.75, dim: int = 2) -> np.ndarray:
    """Probability that a flip of `tangent_cfnn` calls a point of that norm outside.

    Args:
        norm: Numbers >= 0.
        radius: R > 0.
        alpha: Probability in (0.5, 1] of a tangent.
        dim: Number of dimensions, an int >= 2.

    Returns:
        Array of the shape of `norm`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: appendix A.

    Example:
        >>> theory.tangent_probability([0.5, 1.0, 2.0]).round(3)
        array([0.25 , 0.5  , 0.565])
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

    Returns:
        Array of the shape that the two arguments broadcast to.

    Raises:
        ValueError: If an argument is out of range.

    Reference: section 2.1.

    Example:
        >>> theory.majority_accuracy(0.75, [1, 5, 25]).round(3)
        array([0.75 , 0.896, 0.997])
    """
    p, n = as_numbers("probability", probability), ints_at_least("samples", samples, 1)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"`probability` must be in [0, 1]. Received: probability={probability!r}")
    more, half = n // 2 + 1, (n + 1) // 2
    upper = special.betainc(more, n - more + 1, p)  # P[more right than wrong]
    not_fewer = special.betainc(half, n - half + 1, p)  # and the tie, if there can be one
    return (upper + not_fewer) / 2


def hoeffding_error(probability: ArrayLike, samples: ArrayLike) -> np.ndarray:
    """Hoeffding's bound exp(-2 n (p - 1/2)^2) on the probability that the majority of n flips is wrong.

    Args:
        probability: Numbers p in (0.5, 1], the probability that a flip is right.
        samples: Ints n >= 1.

    Returns:
        Array of the shape that the two arguments broadcast to.

    Raises:
        ValueError: If an argument is out of range.

    Reference: appendix B, Lemma B.1.

    Example:
        >>> theory.hoeffding_error(0.75, [1, 5, 25]).round(3)
        array([0.882, 0.535, 0.044])
    """
    margin = as_numbers("probability", probability) - 0.5
    if not ((margin > 0) & (margin <= 0.5)).all():
        raise ValueError(f"`probability` must be in (0.5, 1]. Received: probability={probability!r}")
    return np.exp(-2 * ints_at_least("samples", samples, 1) * margin**2)


def flips_for_ball(error: float, shell: float, radius: float = 1.0, alpha: float = 0.75) -> int:
    """Number of flips with which the majority of `ball_cfnn` has mean squared error at most `error`, by Theorem 3.2.

    It is the least n >= (ln(1 - error / 2) - ln(error / 2)) / (2 margin^2). The margin is the least distance from 1/2
    of the probabilities outside the shell. Theorem 3.2 counts a wrong answer as 1.

    Args:
        error: Float in (0, 1).
        shell: Float > 0, half the thickness of the shell around the sphere that the inputs meet with probability
            error / 2.
        radius: R > 0.
        alpha: Probability in (0.5, 1) that the gate is open.

    Returns:
        Int.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Theorem 3.2, appendix B.1.

    Example:
        >>> theory.flips_for_ball(error=0.1, shell=0.5)
        909
    """
    float_where("error", error, lambda e: 0 < e < 1, "in (0, 1)")
    edges = np.array([max(radius - positive_float("shell", shell), 0.0), radius + shell])
    margin = np.abs(ball_probability(edges, radius, alpha) - 0.5).min()
    if not margin:
        raise ValueError(f"`alpha` must be below 1: then no number of flips is enough. Received: alpha={alpha!r}")
    return int(np.ceil((np.log1p(-error / 2) - np.log(error / 2)) / (2 * margin**2)))


def check_alpha(alpha: float) -> float:
    """Return `alpha` as a float, or raise a `ValueError` if it is outside (0.5, 1].

    Args:
        alpha: Number.

    Example:
        >>> theory.check_alpha(1)
        1.0
    """
    return float_where("alpha", alpha, lambda a: 0.5 < a <= 1, "in (0.5, 1]")


def _dim(dim: int) -> int:
    return int_where("dim", dim, lambda n: n >= 2, "an int >= 2")


def _norms(norm: ArrayLike) -> np.ndarray:
    found = as_numbers("norm", norm)
    if not (found >= 0).all():
        raise ValueError(f"`norm` must be numbers >= 0. Received: norm={norm!r}")
    return found
