"""Statistics of flips: margins of a coin-flipping model, and its accuracy at other numbers of flips."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_CHUNK = 1000  # examples counted at once, which bounds the memory


class AccuracyByFlips(NamedTuple):
    """Random accuracy at each number of flips, and its standard deviation over the flips, both in [0, 1]."""

    accuracy: list[float]
    deviation: list[float]


def vote_shares(flips: np.ndarray, classes: int) -> np.ndarray:
    """Share of the flips `(examples, samples)` that are for each class, `(examples, classes)`."""
    return np.stack([(flips == one).mean(axis=1) for one in range(classes)], axis=1)


def margins(flips: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Margin of every example: the true class's share of the flips less the largest share of another class.

    It is in [-1, 1], above 0 where the majority is right, and 1 where every flip is right.

    Args:
        flips: Classes `(examples, samples)`.
        labels: Integer labels `(examples,)`.
        classes: Number of classes.

    Returns:
        Margins `(examples,)`.

    Reference: Coin-Flipping Neural Networks, appendix D, the empirical delta.
    """
    shares = vote_shares(flips, classes)
    rows = np.arange(len(labels))
    true = shares[rows, labels]
    shares[rows, labels] = -1
    return true - shares.max(axis=1)


def accuracy_by_flips(
    flips: np.ndarray, labels: np.ndarray, classes: int, numbers: Sequence[int], *, shuffles: int = 100, seed: int = 0
) -> AccuracyByFlips:
    """Accuracy of the majority of n flips for several n, from one set of flips.

    The flips are shuffled, in the same order for all examples, and cut into groups of n. The accuracies of the groups
    are independent; their variance is averaged over the shuffles. A tie counts as the true class's share of it.

    Args:
        flips: Classes `(examples, samples)`.
        labels: Integer labels `(examples,)`.
        classes: Number of classes.
        numbers: Numbers of flips, each in [1, samples / 2].
        shuffles: Number of shuffles.
        seed: Seed of the shuffles.

    Raises:
        ValueError: If a number is outside its range.
    """
    samples = flips.shape[1]
    if any(not 1 <= n <= samples // 2 for n in numbers):
        raise ValueError(f"`numbers` must be in [1, {samples // 2}], half of the flips. Received: {list(numbers)}")
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(samples) for _ in range(shuffles)]
    found = [[np.zeros(samples // n) for n in numbers] for _ in orders]
    for start in range(0, len(flips), _CHUNK):
        one_hot = np.eye(classes, dtype=np.int32)[flips[start : start + _CHUNK]]
        for order, groups in zip(orders, found, strict=True):
            counts = np.cumsum(one_hot[:, order], axis=1)
            counts = np.concatenate([np.zeros_like(counts[:, :1]), counts], axis=1)
            for n, right in zip(numbers, groups, strict=True):
                ends = counts[:, : samples // n * n + 1 : n]
                right += _credit(np.diff(ends, axis=1), labels[start : start + _CHUNK]).sum(axis=0)
    accuracies = [np.array([groups[i] for groups in found]) / len(flips) for i in range(len(numbers))]
    variances = [one.var(axis=1, ddof=1).mean() for one in accuracies]
    return AccuracyByFlips([float(one.mean()) for one in accuracies], [float(np.sqrt(v)) for v in variances])


def _credit(votes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """1 where the true class has most of `votes` (examples, groups, classes), its share of a tie, else 0."""
    true = np.take_along_axis(votes, labels[:, None, None], axis=-1)[..., 0]
    most = votes.max(axis=-1)
    return (true == most) / (votes == most[..., None]).sum(axis=-1)
