"""Examples in the order of their certainty."""

import numpy as np

from zoo.amplification.election import AdaptiveVote


def by_certainty(found: AdaptiveVote) -> np.ndarray:
    """Return the indices of all examples, the least certain first.

    An example is less certain if it took more flips, or as many with a smaller lead in their votes.
    """
    counts = np.sort(found.counts, axis=-1)
    lead = (counts[:, -1] - counts[:, -2]) / found.samples
    return np.lexsort((lead, -found.samples))


def both_ends(order: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and, from the last on, the last of an order: at most `most` of each, and half of all."""
    count = min(most, -(-len(order) // 2))
    return order[:count], order[::-1][:count]
