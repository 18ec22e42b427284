"""Means of one quantity over equal bins of the magnitude of another."""

import numpy as np


def binned(outputs: np.ndarray, distances: np.ndarray, *, width: float, fewest: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean distance over equal bins of |output|, the first of which begins at 0.

    Args:
        outputs: Outputs `(n,)`.
        distances: Distances `(n,)`.
        width: Width of a bin, > 0.
        fewest: Smallest number of samples, >= 1, with which a bin is kept.

    Returns:
        Midpoints of the bins that are kept, and the mean distance in each.
    """
    bins = np.floor(np.abs(outputs) / width).astype(int)
    kept = [number for number in np.unique(bins) if np.sum(bins == number) >= fewest]
    means = np.array([distances[bins == number].mean() for number in kept])
    return width * (np.array(kept) + 0.5), means
