"""required_samples: how many flips a majority needs, judged from a few."""

import numpy as np
from numpy.typing import ArrayLike

from zoo.layers.arguments import as_numbers, float_where

_HALVINGS = 53
_MOST = 2.0**_HALVINGS  # beyond, floats are no whole numbers any more


def required_samples(votes: ArrayLike, error: float = 0.01) -> np.ndarray:
    """Return how many flips make the majority of each example the mode of its votes, but for `error`.

    Of n flips with probabilities p the rival j reaches the leader k with a probability of at most
    (1 - (sqrt(p_k) - sqrt(p_j))^2)^n, Chernoff's bound; the sum over the rivals has to be at most `error`. The
    probabilities are those of a pilot with half a vote more for each class that has votes and, if there are others,
    half a vote for these together: an estimate, from a number of flips that was fixed before. What `zoo.adaptive_vote`
    gives is a guarantee; its counts are no such pilot, because it stops where the leader is well ahead.

    Args:
        votes: Numbers of votes `(..., classes)` of a pilot, >= 0, such as 100 times the
            `votes` of `zoo.uncertainty(model, x, 100)`.
        error: In (0, 1), the largest probability that the majority is another class.

    Returns:
        Float array `(...)` of whole numbers, inf where two classes lead or are closer than 2**53 flips can tell.

    Raises:
        ValueError: If `votes` has no votes, negative ones or one class only, or `error` is out of range.

    Example:
        >>> zoo.required_samples([[20, 0, 0], [12, 8, 0], [10, 10, 0]]).tolist()
        [4.0, 256.0, inf]
    """
    float_where("error", error, lambda e: 0 < e < 1, "in (0, 1)")
    counts = as_numbers("votes", votes)
    flips = counts.sum(axis=-1, keepdims=True) if counts.ndim else np.zeros(0)
    if (
        not flips.size
        or counts.shape[-1] < 2
        or not (np.isfinite(flips) & (flips > 1 - 1e-6)).all()
        or counts.min() < 0
    ):
        raise ValueError(
            "`votes` must be finite numbers of votes (..., classes) of two classes at least, >= 0, one vote or more in "
            f"each row. Received: votes={np.array2string(counts, threshold=20)}"
        )
    seen = counts > 0
    unseen = (~seen).sum(axis=-1, keepdims=True)  # share one half of a vote
    added = 0.5 * (seen.sum(axis=-1, keepdims=True) + (unseen > 0))
    shares = np.where(seen, counts + 0.5, 0.5 / np.maximum(unseen, 1)) / (flips + added)
    shares = np.sort(shares, axis=-1)
    apart = -np.log1p(-((np.sqrt(shares[..., -1:]) - np.sqrt(shares[..., :-1])) ** 2))  # per flip, of each rival
    low, high = np.zeros(apart.shape[:-1]), np.full(apart.shape[:-1], _MOST)  # too few; enough, if any number is
    for _ in range(_HALVINGS):
        middle = np.floor((low + high) / 2)
        enough = np.exp(-middle[..., None] * apart).sum(axis=-1) <= error
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(high < _MOST, high, np.inf)
