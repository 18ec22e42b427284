"""Selection: how many answers are wrong if only the most confident ones are given."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from zoo.scores.labelled import numbers, refuse_where


class RiskCoverage(NamedTuple):
    """Errors among the most confident answers.

    Attributes:
        coverage: `(examples,)`, shares 1 / n, 2 / n, ..., 1 of the examples that are answered.
        risk: `(examples,)`, share of wrong answers among these, in [0, 1].

    Example:
        >>> scores.RiskCoverage(np.array([0.5, 1.0]), np.array([0.0, 0.5])).risk
        array([0. , 0.5])
    """

    coverage: np.ndarray
    risk: np.ndarray


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> RiskCoverage:
    """Share of wrong answers among the k most confident ones, for each k.

    Examples of equal confidence, of which histograms of votes have many, are taken in random order, and the risk is
    the expected one. Of a tied group of m examples with e errors, j drawn without replacement have j e / m errors in
    expectation. So every error of a group is replaced by the group's mean error before errors are summed: the curve
    does not depend on the order of the rows.

    Args:
        confidence: Numbers `(...)`, larger is more confident: the top probability, a margin, minus an entropy.
        correct: Bools, or 0 and 1, of the same shape: whether each answer is right.

    Returns:
        A named tuple `(coverage, risk)` of arrays `(examples,)`.

    Raises:
        ValueError: If an argument is out of range, empty or of the wrong shape.

    Reference: El-Yaniv and Wiener, On the Foundations of Noise-free Selective Classification (2010).

    Example:
        >>> curve = scores.risk_coverage([0.9, 0.8, 0.8, 0.5], [True, True, False, False])
        >>> curve.coverage, curve.risk.round(2)
        (array([0.25, 0.5 , 0.75, 1.  ]), array([0.  , 0.25, 0.33, 0.5 ]))
    """
    sure, right = numbers("confidence", confidence), _answers(correct)
    if sure.shape != right.shape:
        raise ValueError(
            f"`correct` must have the shape of `confidence`, {sure.shape}. Received: correct.shape={right.shape}"
        )
    _, group, sizes = np.unique(-sure.reshape(-1), return_inverse=True, return_counts=True)
    errors = np.bincount(group, weights=~right.reshape(-1))
    answered = np.arange(1, sure.size + 1)
    return RiskCoverage(answered / sure.size, np.cumsum(np.repeat(errors / sizes, sizes)) / answered)


def area_under_risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Area under the risk-coverage curve: the mean over k of the share of errors among the k most confident answers.

    0 if all answers are right. Where confidence says nothing it is the error rate, and it is least where all errors
    are less confident than all right answers. Ties are taken in random order, in expectation: see `risk_coverage`.

    Args:
        confidence: Numbers `(...)`, larger is more confident.
        correct: Bools, or 0 and 1, of the same shape: whether each answer is right.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If an argument is out of range, empty or of the wrong shape.

    Reference: Geifman, Uziel and El-Yaniv, Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers (2019).

    Example:
        >>> scores.area_under_risk_coverage([0.9, 0.8, 0.7, 0.6], [True, True, True, False])  # (0 + 0 + 0 + 1/4) / 4
        0.0625
    """
    return float(risk_coverage(confidence, correct).risk.mean())


def _answers(correct: ArrayLike) -> np.ndarray:
    array = numbers("correct", correct)
    refuse_where((array != 0) & (array != 1), "correct", array, "bools, or 0 and 1")
    return array == 1
