"""Votes counted on the host as the flips come."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from zoo.layers import MajorityVote


class Tally:
    """Sums of votes and of soft votes of one `MajorityVote` over the flips so far.

    Attributes:
        flips: Int, flips counted.
        votes: `(examples, ...)` float64, sum of votes.
        soft: `(examples, ...)` float64, sum of soft votes.
    """

    def __init__(self, vote: MajorityVote) -> None:
        self.vote, self.flips = vote, 0
        self.votes = self.soft = np.zeros(())

    def add(self, logits: np.ndarray, soft: np.ndarray | None = None) -> None:
        """Count a chunk `(examples, flips, ...)` of logits, whose soft votes may be known already."""
        soft = soft_votes(self.vote, logits) if soft is None else soft
        self.flips += logits.shape[1]
        self.votes = self.votes + _counted(self.vote, logits)
        self.soft = self.soft + soft.sum(axis=1, dtype="float64")

    def elected(self, vote: str | None = None) -> np.ndarray:
        """Return the result of the vote, `(examples, ...)`, as the layer gives it."""
        shares, soft = self.votes / self.flips, self.soft / self.flips
        hard, soft = (keras.ops.convert_to_tensor(one.astype("float32")) for one in (shares, soft))
        return keras.ops.convert_to_numpy(self.vote.elect(hard, soft, vote))


def snapshots(chunks: Iterator, tally: Tally, wanted: Sequence[int]) -> Iterator[int]:
    """Count the first vote's chunks, and stop at each wanted number of flips in ascending order to yield it."""
    left = sorted(set(wanted))
    for chunk in chunks:
        logits, begin = chunk[0], 0
        while left and left[0] - tally.flips <= logits.shape[1] - begin:
            end = begin + left[0] - tally.flips
            tally.add(logits[:, begin:end])
            begin = end
            yield left.pop(0)
        if begin < logits.shape[1] and left:
            tally.add(logits[:, begin:])


def hard_votes(vote: MajorityVote, logits: np.ndarray) -> np.ndarray:
    """Return the vote of every flip as the layer counts it, in the shape of `logits`."""
    return keras.ops.convert_to_numpy(vote.ballots(keras.ops.convert_to_tensor(logits))[0])


def soft_votes(vote: MajorityVote, logits: np.ndarray) -> np.ndarray:
    """Return the soft vote of every flip, in the shape of `logits`."""
    return keras.ops.convert_to_numpy(vote.soft(keras.ops.convert_to_tensor(logits)))


def _counted(vote: MajorityVote, logits: np.ndarray) -> np.ndarray:
    """Sum of the flips' votes `(examples, ...)`."""
    if vote.kind != "classes" or (logits == logits.max(axis=-1, keepdims=True)).sum() != logits[..., 0].size:
        return hard_votes(vote, logits).sum(axis=1, dtype="float64")
    # No flip has two largest logits, so each has one vote: counting them is a tenth of the work of making ballots.
    classes = logits.shape[-1]
    chosen = np.moveaxis(logits.argmax(axis=-1), 1, -1)  # (examples, ..., flips)
    cells = classes * np.arange(chosen[..., 0].size).reshape(*chosen.shape[:-1], 1)
    counts = np.bincount((cells + chosen).ravel(), minlength=classes * cells.size)
    return counts.reshape(*chosen.shape[:-1], classes).astype("float64")
