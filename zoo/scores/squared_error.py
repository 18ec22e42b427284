"""Squared error of predicted probabilities."""

import numpy as np
from numpy.typing import ArrayLike

from zoo.scores.labelled import labelled


def brier(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Brier's score: the squared differences from the label's indicator, summed over classes, mean over examples.

    It is Brier's own, in [0, 2] for any number of classes. For two classes it is twice the squared error of one of
    them, which some libraries call the Brier score of binary classes.

    Args:
        probabilities: `(..., classes)` in [0, 1], each distribution of sum 1 within 1e-3; examples, pixels and steps
            of time count alike. Of sigmoid units, one or a label each, `(...)`: the probability of 1.
        labels: Ints `(...)` in [0, classes), the shape of `probabilities` without classes; 0 and 1 for sigmoid units.

    Returns:
        Float in [0, 2].

    Raises:
        ValueError: If an argument is out of range, empty or of the wrong shape.

    Reference: Brier, Verification of Forecasts Expressed in Terms of Probability (1950).

    Example:
        >>> scores.brier([[0.5, 0.5], [0.0, 1.0]], [0, 0])  # (1/4 + 1/4 + 1 + 1) / 2
        1.25
    """
    p, y = labelled(probabilities, labels)
    p[np.arange(len(y)), y] -= 1
    return float((p**2).sum(axis=1).mean())
