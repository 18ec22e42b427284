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

    def add(self, hard: np.ndarray, soft: np.ndarray) -> None:
        """Count the `ballots` of a chunk, both `(examples, flips, ...)`."""
        self.flips += hard.shape[1]
        self.votes = self.votes + hard.sum(axis=1, dtype="float64")
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
            tally.add(*ballots(tally.vote, logits[:, begin:end]))
            begin = end
            yield left.pop(0)
        if begin < logits.shape[1] and left:
            tally.add(*ballots(tally.vote, logits[:, begin:]))


def ballots(vote: MajorityVote, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return votes and soft votes of every flip as the layer counts them, both in the shape of `logits`."""
    hard, soft = vote.ballots(keras.ops.convert_to_tensor(logits))
    return keras.ops.convert_to_numpy(hard), keras.ops.convert_to_numpy(soft)
