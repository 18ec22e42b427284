"""Gaussian process of wide random ReLU networks, and how simple it makes their classes of bit strings.

Strings are vectors of -1 and 1 of length n; weights have variance sigma_w^2 / fan_in, biases sigma_b^2.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from zoo.layers.arguments import ints_at_least, non_negative_float, positive_float, positive_int


class ReluProcess(NamedTuple):
    """Outputs phi have mean 0 and covariance Q F(x.y / n) with F(1) = 1.

    Example:
        >>> process = probes.gaussian_process.relu_process(depth=2, sigma_w=1.0, sigma_b=1.0)
        >>> process.variance, process.slope  # 2 / 2 + 1 after each layer; (1 / 2)**2 / 2
        (2.0, 0.125)
    """

    variance: float
    """Q."""
    slope: float
    """F'(1), at most 1."""


def relu_process(depth: int, sigma_w: float = 2**0.5, sigma_b: float = 0.0) -> ReluProcess:
    """Variance Q and slope F'(1) of networks with `depth` hidden ReLU layers.

    Q = q_{depth + 1} with q_1 = sigma_w^2 + sigma_b^2 and q_{l + 1} = sigma_w^2 q_l / 2 + sigma_b^2;
    F'(1) = sigma_w^2 (sigma_w^2 / 2)^depth / Q.

    Args:
        depth: Positive int.
        sigma_w: Float > 0.
        sigma_b: Float >= 0.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Random deep neural networks are biased towards simple functions, section 2.

    Example:
        >>> probes.gaussian_process.relu_process(depth=1, sigma_w=1.0, sigma_b=0.5)
        ReluProcess(variance=0.875, slope=0.571...)
    """
    gain, offset = _variances(depth, sigma_w, sigma_b)
    q = gain + offset
    for _ in range(depth):
        q = gain * q / 2 + offset
    return ReluProcess(q, gain * (gain / 2) ** depth / q)


def relu_kernel(overlap: ArrayLike, depth: int, sigma_w: float = 2**0.5, sigma_b: float = 0.0) -> np.ndarray:
    """Correlation F of the outputs of two strings at overlaps x.y / n.

    Each layer takes covariances k to sigma_w^2 q (sin a + (pi - a) cos a) / (2 pi) + sigma_b^2, where cos a = k / q.

    Args:
        overlap: Numbers in [-1, 1].
        depth: Positive int.
        sigma_w: Float > 0.
        sigma_b: Float >= 0.

    Returns:
        Array of the shape of `overlap`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> equal = probes.gaussian_process.relu_kernel(1.0, depth=3)
        >>> bool(equal > probes.gaussian_process.relu_kernel(0.5, depth=3))
        True
    """
    t = np.asarray(overlap, dtype=float)
    if not (np.abs(t) <= 1).all():
        raise ValueError(f"`overlap` must be in [-1, 1]. Received: overlap={overlap!r}")
    gain, offset = _variances(depth, sigma_w, sigma_b)
    q, k = gain + offset, gain * t + offset
    for _ in range(depth):
        angle = np.arccos(np.clip(k / q, -1, 1))
        k = gain * q * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi) + offset
        q = gain * q / 2 + offset
    return k / q


def expected_distance(length: ArrayLike, slope: float = 1.0) -> np.ndarray:
    """Mean Hamming distance sqrt(n / (2 pi F'(1) ln n)) of the nearest string of another class, for large n (Eq. 8).

    Args:
        length: Ints n >= 2.
        slope: F'(1) > 0; 1 for sigma_w = sqrt(2) without biases.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Random deep neural networks are biased towards simple functions, Theorem 1.

    Example:
        >>> round(float(probes.gaussian_process.expected_distance(784)), 2)
        4.33
    """
    n = ints_at_least("length", length, 2)
    return np.sqrt(n / (2 * np.pi * positive_float("slope", slope) * np.log(n)))


def distance_of_output(output: ArrayLike, length: ArrayLike, process: ReluProcess) -> np.ndarray:
    """Distance |phi| sqrt(n / ln n) / (2 sqrt(Q F'(1))) of a string with output phi (Eq. 7), for large n.

    The root is over the product Q F'(1): Eq. 8 is the mean of that.

    Args:
        output: Numbers phi.
        length: Ints n >= 2.
        process: Q and F'(1), see `relu_process`.

    Raises:
        ValueError: If `length` is out of range.

    Example:
        >>> process = probes.gaussian_process.relu_process(depth=2)
        >>> near, far = probes.gaussian_process.distance_of_output([0.1, 0.2], 784, process)
        >>> bool(np.isclose(far, 2 * near))  # proportional to the output
        True
    """
    n = ints_at_least("length", length, 2)
    return np.abs(output) * np.sqrt(n / np.log(n)) / (2 * np.sqrt(process.variance * process.slope))


def fewest_random_flips(length: ArrayLike) -> np.ndarray:
    """Number n / 4 of random flips that a change of the class needs on average, at least, by a heuristic argument.

    The argument gives n / (4 F'(1)), and F'(1) <= 1.

    Args:
        length: Ints n >= 2.

    Raises:
        ValueError: If `length` is out of range.

    Reference: Random deep neural networks are biased towards simple functions, section 3.3.

    Example:
        >>> float(probes.gaussian_process.fewest_random_flips(784))
        196.0
    """
    return ints_at_least("length", length, 2) / 4


def _variances(depth: int, sigma_w: float, sigma_b: float) -> tuple[float, float]:
    positive_int("depth", depth)
    return positive_float("sigma_w", sigma_w) ** 2, non_negative_float("sigma_b", sigma_b) ** 2
