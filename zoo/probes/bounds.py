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

    Upper: what a linear layer does, sigma_w sqrt(2 / k) Gamma((k + 1) / 2) / Gamma(k / 2). Lower: of the steps'
    components perpendicular to the image, of which only the j ~ Bin(k, p) units count that are not saturated, the mean
    of sigma_w sqrt(2 / k) Gamma(j / 2) / Gamma((j - 1) / 2) over j >= 2. p = P[|h| < 1] for h ~ N(0, sigma_w^2 +
    sigma_b^2), the largest variance a unit can have. Theorem 1 is this one's order of growth.

    Args:
        width: Units k per layer, >= 1.
        sigma_w: Deviation > 0; weights have variance sigma_w^2 / k.
        sigma_b: Deviation >= 0 of the biases.

    Raises:
        ValueError: If an argument is out of range.

    Reference: On the Expressive Power of Deep Neural Networks, Theorem 1 and appendix A.2, before its last estimates.
    """
    from scipy import special, stats  # only who asks for bounds waits for SciPy

    k = positive_int("width", width)
    scale = positive_float("sigma_w", sigma_w) * math.sqrt(2 / k)
    unsaturated = math.erf(1 / math.sqrt(2 * (sigma_w**2 + non_negative_float("sigma_b", sigma_b) ** 2)))
    j = np.arange(2, k + 1)
    norms = np.exp(special.gammaln(j / 2) - special.gammaln((j - 1) / 2))
    lower = scale * float(np.sum(stats.binom.pmf(j, k, unsaturated) * norms))
    return GrowthBounds(lower, scale * math.exp(special.gammaln((k + 1) / 2) - special.gammaln(k / 2)))


def most_activation_patterns(width: int, depth: int, dim: int, activation: str = "relu") -> int:
    """The most activation patterns that `depth` layers of `width` units can have over inputs of `dim` dimensions.

    (sum over i <= dim of C(planes, i))^depth, with a plane per unit for "relu" and two for "hard_tanh": every layer
    cuts each region of those before it like a hyperplane arrangement. Along a straight line `dim` is 1.

    Raises:
        ValueError: If an argument is out of range.

    Reference: On the Expressive Power of Deep Neural Networks, Theorems 4 and 6.
    """
    each = {"relu": 1, "hard_tanh": 2}
    planes = positive_int("width", width) * each[one_of("activation", activation, tuple(each))]
    regions = sum(math.comb(planes, i) for i in range(positive_int("dim", dim) + 1))
    return regions ** positive_int("depth", depth)
