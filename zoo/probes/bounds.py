"""Closed-form bounds beside the expressivity probes."""

import math
from typing import NamedTuple

import numpy as np

from zoo.layers.arguments import non_negative_float, one_of, positive_float, positive_int


class GrowthBounds(NamedTuple):
    """Bounds on an expected ratio of lengths."""

    lower: float
    upper: float


def length_growth(width: int, sigma_w: float, sigma_b: float = 0.0) -> GrowthBounds:
    """Bounds on how much longer a trajectory gets, in expectation, from one hard-tanh layer to the next of equal width.

    The upper bound is the growth by a linear layer, sigma_w sqrt(2 / k) Gamma((k + 1) / 2) / Gamma(k / 2). The lower
    bound counts only the components of the steps that are perpendicular to the image, and of these only the
    j ~ Bin(k, p) units that are not saturated: it is the mean of sigma_w sqrt(2 / k) Gamma(j / 2) / Gamma((j - 1) / 2)
    over j >= 2. There p = P[|h| < 1] for h ~ N(0, sigma_w^2 + sigma_b^2), the largest variance a unit can have.
    Theorem 1 is the order of growth of this bound.

    Args:
        width: Units k per layer, >= 1.
        sigma_w: Deviation > 0; weights have variance sigma_w^2 / k.
        sigma_b: Deviation >= 0 of the biases.

    Returns:
        A named tuple `(lower, upper)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: On the Expressive Power of Deep Neural Networks, Theorem 1 and appendix A.2, before its last estimates.

    Example:
        >>> bounds = probes.length_growth(width=100, sigma_w=2.0)
        >>> round(bounds.lower, 3), round(bounds.upper, 3)
        (1.211, 1.995)
    """
    from scipy import special, stats  # SciPy is slow to import and only needed here

    k = positive_int("width", width)
    scale = positive_float("sigma_w", sigma_w) * math.sqrt(2 / k)
    unsaturated = math.erf(1 / math.sqrt(2 * (sigma_w**2 + non_negative_float("sigma_b", sigma_b) ** 2)))
    j = np.arange(2, k + 1)
    norms = np.exp(special.gammaln(j / 2) - special.gammaln((j - 1) / 2))
    lower = scale * float(np.sum(stats.binom.pmf(j, k, unsaturated) * norms))
    return GrowthBounds(lower, scale * math.exp(special.gammaln((k + 1) / 2) - special.gammaln(k / 2)))


def most_activation_patterns(width: int, depth: int, dim: int, activation: str = "relu") -> int:
    """Largest number of activation patterns of `depth` layers of `width` units over inputs of `dim` dimensions.

    It is (sum over i <= dim of C(planes, i))^depth, with one plane per unit for "relu" and two for "hard_tanh": every
    layer cuts each region of those before it like a hyperplane arrangement. Along a straight line `dim` is 1.

    Args:
        width: Int >= 1.
        depth: Int >= 1.
        dim: Int >= 1.
        activation: "relu" or "hard_tanh".

    Returns:
        Int.

    Raises:
        ValueError: If an argument is out of range.

    Reference: On the Expressive Power of Deep Neural Networks, Theorems 4 and 6.

    Example:
        >>> probes.most_activation_patterns(width=4, depth=2, dim=1)  # (1 + 4)^2
        25
    """
    each = {"relu": 1, "hard_tanh": 2}
    planes = positive_int("width", width) * each[one_of("activation", activation, tuple(each))]
    regions = sum(math.comb(planes, i) for i in range(positive_int("dim", dim) + 1))
    return regions ** positive_int("depth", depth)
