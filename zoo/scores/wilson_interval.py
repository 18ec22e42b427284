"""Share of right answers with its Wilson interval."""

from typing import NamedTuple

from zoo.layers.arguments import float_where


class RandomAccuracy(NamedTuple):
    """Share of examples whose vote is right, with its Wilson interval.

    Attributes:
        accuracy: In [0, 1], `correct / n`.
        low: Lower end of the interval, in [0, 1].
        high: Upper end, in [0, 1].
        correct: Int, examples whose vote is their label.
        n: Int, examples.

    Example:
        >>> found = zoo.scores.accuracy(np.eye(2)[[0, 0, 1]], [0, 1, 1])  # three sure answers, the second wrong
        >>> found.correct, found.n, bool(found.low < found.accuracy < found.high)
        (2, 3, True)
    """

    accuracy: float
    low: float
    high: float
    correct: int
    n: int


def wilson(correct: int, n: int, confidence: float = 0.95) -> RandomAccuracy:
    """Return the accuracy of `correct` of `n` examples with its Wilson interval.

    Args:
        correct: Int in [0, n].
        n: Int >= 1.
        confidence: In (0, 1), of the interval.

    Raises:
        ValueError: If an argument is out of range.
    """
    from scipy.stats import binomtest  # SciPy is slow to import and only needed here

    float_where("confidence", confidence, lambda c: 0 < c < 1, "in (0, 1)")
    low, high = binomtest(correct, n).proportion_ci(confidence, method="wilson")
    return RandomAccuracy(correct / n, float(low), float(high), correct, n)
