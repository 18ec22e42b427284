"""Accuracy of probabilities: how often the most probable class is the label."""

from numpy.typing import ArrayLike

from zoo.scores.labelled import labelled
from zoo.scores.wilson_interval import RandomAccuracy, wilson


def accuracy(probabilities: ArrayLike, labels: ArrayLike, confidence: float = 0.95) -> RandomAccuracy:
    """Share of examples whose most probable class is the label, with its Wilson interval.

    Of equally probable classes the first counts: a sigmoid unit at 0.5 says 0.

    Args:
        probabilities: `(..., classes)` in [0, 1], each distribution of sum 1 within 1e-3; examples, pixels and steps
            of time count alike. Of sigmoid units, one or a label each, `(...)`: the probability of 1.
        labels: Ints `(...)` in [0, classes), the shape of `probabilities` without classes; 0 and 1 for sigmoid units.
        confidence: In (0, 1), of the interval.

    Returns:
        A named tuple `(accuracy, low, high, correct, n)`.

    Raises:
        ValueError: If an argument is out of range, empty or of the wrong shape.

    Reference: Wilson, Probable Inference, the Law of Succession, and Statistical Inference (1927).

    Example:
        >>> found = scores.accuracy([[0.7, 0.3], [0.6, 0.4], [0.1, 0.9]], [0, 1, 1])
        >>> found.correct, found.n, round(found.low, 3), round(found.high, 3)
        (2, 3, 0.208, 0.939)
    """
    p, y = labelled(probabilities, labels)
    return wilson(int((p.argmax(axis=1) == y).sum()), len(y), confidence)
