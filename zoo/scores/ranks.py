"""Ranks: how well a score tells two groups apart."""

import numpy as np
from numpy.typing import ArrayLike

from zoo.scores.labelled import numbers


def auroc(inside: ArrayLike, outside: ArrayLike) -> float:
    """Area under the ROC curve: the probability that a random score of `outside` exceeds a random one of `inside`.

    Equal scores count half (the statistic of Mann and Whitney, divided by the number of pairs). 1 if all scores of
    `outside` are larger, 0.5 if the score says nothing. Sorted, not paired: O(n log n) for n scores.

    Args:
        inside: Numbers of any shape: scores of what should score low, such as entropies on known data.
        outside: Numbers of any shape: scores of what should score high, such as entropies on strange data.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If an argument is empty, holds NaN or anything but numbers.

    Reference: Mann and Whitney, On a Test of Whether one of Two Random Variables is Stochastically Larger than the
    Other (1947).

    Example:
        >>> scores.auroc(inside=[0.1, 0.2], outside=[0.2, 0.9])  # (1 + 1/2 + 1 + 1) / 4
        0.875
    """
    low, high = np.sort(numbers("inside", inside), axis=None), numbers("outside", outside).reshape(-1)
    below, not_above = (np.searchsorted(low, high, side=side) for side in ("left", "right"))
    return float((below.sum() + not_above.sum()) / (2 * low.size * high.size))
