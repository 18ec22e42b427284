"""Means of one quantity over equal bins of another."""

import numpy as np


def binned(outputs: np.ndarray, distances: np.ndarray, width: float, fewest: int) -> tuple[np.ndarray, np.ndarray]:
    """Midpoints of equal bins of |output| and the mean distance in each, where it has `fewest` samples or more."""
    bins = np.floor(np.abs(outputs) / width).astype(int)
    kept = [b for b in np.unique(bins) if np.sum(bins == b) >= fewest]
    return width * (np.array(kept) + 0.5), np.array([distances[bins == b].mean() for b in kept])
