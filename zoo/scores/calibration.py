"""Calibration: whether answers given with probability p are right in a share p of the cases."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from zoo.layers.arguments import positive_int
from zoo.scores.labelled import ROUNDING, labelled


class Reliability(NamedTuple):
    """Examples in bins of their top probability.

    Attributes:
        edges: `(bins + 1,)` from 0 to 1; bin m is (edges[m], edges[m + 1]].
        counts: Ints `(bins,)`, examples in each bin.
        confidence: `(bins,)`, mean top probability; NaN where a bin is empty.
        accuracy: `(bins,)`, share of examples whose top class is the label; NaN where a bin is empty.

    Example:
        >>> scores.Reliability(np.array([0.0, 1.0]), np.array([10]), np.array([0.8]), np.array([0.7])).accuracy
        array([0.7])
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def reliability(probabilities: ArrayLike, labels: ArrayLike, bins: int = 15) -> Reliability:
    """Count examples, their mean top probability and their accuracy in bins of the top probability.

    The bins are of equal width and closed on the right. A probability that exceeds an edge by at most 1e-6 is on it:
    15 votes of 25 are 0.6, also in float32. Of equally probable classes the first is the top class.

    Args:
        probabilities: `(..., classes)` in [0, 1], each distribution of sum 1 within 1e-3; examples, pixels and steps
            of time count alike. Of sigmoid units, one or a label each, `(...)`: the probability of 1. Their top
            probability is that of the likelier answer, at least 0.5.
        labels: Ints `(...)` in [0, classes), the shape of `probabilities` without classes; 0 and 1 for sigmoid units.
        bins: Positive int.

    Returns:
        A `Reliability`.

    Raises:
        ValueError: If an argument is out of range, empty or of the wrong shape.

    Reference: Guo et al., On Calibration of Modern Neural Networks (2017), section 2.

    Example:
        >>> found = scores.reliability([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]], [0, 1, 1], bins=2)
        >>> found.counts, found.confidence.round(2), found.accuracy.round(2)
        (array([0, 3]), array([ nan, 0.77]), array([ nan, 0.67]))
    """
    p, y = labelled(probabilities, labels)
    return in_bins(p.max(axis=1), p.argmax(axis=1) == y, bins)


def expected_calibration_error(probabilities: ArrayLike, labels: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: |accuracy - mean top probability| of each bin of `reliability`, mean over examples.

    Args:
        probabilities: `(..., classes)` in [0, 1], each distribution of sum 1 within 1e-3; examples, pixels and steps
            of time count alike. Of sigmoid units, one or a label each, `(...)`: the probability of 1.
        labels: Ints `(...)` in [0, classes), the shape of `probabilities` without classes; 0 and 1 for sigmoid units.
        bins: Positive int, bins of equal width. With few examples per bin chance alone makes the error larger.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If an argument is out of range, empty or of the wrong shape.

    Reference: Guo et al., On Calibration of Modern Neural Networks (2017), section 2, eq. 3.

    Example:
        >>> probabilities = [[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]]
        >>> round(scores.expected_calibration_error(probabilities, [0, 0, 1, 0]), 3)  # (0.1 + 0.1) / 2
        0.1
    """
    return mean_gap(reliability(probabilities, labels, bins))


def in_bins(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> Reliability:
    """Bins of top probabilities `(examples,)` whose answers are right where `correct` `(examples,)` is True."""
    edges = np.arange(positive_int("bins", bins) + 1) / bins
    place = np.searchsorted(edges[1:-1] + ROUNDING, confidence, side="left")
    counts = np.bincount(place, minlength=bins)
    sums = (np.bincount(place, weights=each, minlength=bins) for each in (confidence, correct))
    means = (np.divide(total, counts, out=np.full(bins, np.nan), where=counts > 0) for total in sums)
    return Reliability(edges, counts, *means)


def mean_gap(found: Reliability) -> float:
    """Expected calibration error of counted bins."""
    gaps = np.abs(found.accuracy - found.confidence)
    return float(np.nansum(found.counts * gaps) / found.counts.sum())
