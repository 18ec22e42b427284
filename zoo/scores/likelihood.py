"""Likelihood of the labels under predicted probabilities."""

import numpy as np
from numpy.typing import ArrayLike

from zoo.layers.arguments import float_where
from zoo.scores.labelled import labelled


def negative_log_likelihood(probabilities: ArrayLike, labels: ArrayLike, floor: float | None = None) -> float:
    """Mean of -ln of the probability that each label was given; also called log loss or cross-entropy.

    A label of probability 0 makes it infinite. In a histogram of votes that happens wherever no flip was right: `floor`
    then says what a share of 0 is worth. With a floor the score is no longer proper, so compare values of one floor.

    Args:
        probabilities: `(..., classes)` in [0, 1], each distribution of sum 1 within 1e-3; examples, pixels and steps
            of time count alike. Of sigmoid units, one or a label each, `(...)`: the probability of 1.
        labels: Ints `(...)` in [0, classes), the shape of `probabilities` without classes; 0 and 1 for sigmoid units.
        floor: None, or a float in (0, 1): smaller probabilities of labels count as this one.

    Returns:
        Float >= 0, in nats.

    Raises:
        ValueError: If an argument is out of range, empty or of the wrong shape.

    Reference: Good, Rational Decisions (1952).

    Example:
        >>> round(scores.negative_log_likelihood([[0.5, 0.5], [0.25, 0.75]], [0, 1]), 4)  # (ln 2 + ln 4/3) / 2
        0.4904
        >>> scores.negative_log_likelihood([[1.0, 0.0]], [1])
        inf
    """
    p, y = labelled(probabilities, labels)
    given = np.take_along_axis(p, y[:, None], axis=1)
    if floor is not None:
        given = np.maximum(given, float_where("floor", floor, lambda f: 0 < f < 1, "None or in (0, 1)"))
    with np.errstate(divide="ignore"):
        return float(-np.log(given).mean()) + 0.0  # not -0.0
