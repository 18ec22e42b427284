"""Votes counted on the host as the flips come, with the rules of `MajorityVote`."""

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
        """Count a chunk `(examples, flips, ...)`; `soft` is `soft_votes` of it if that is known already."""
        self.flips += logits.shape[1]
        self.votes = self.votes + hard_votes(self.vote, logits).sum(axis=1, dtype="float64")
        self.soft = self.soft + (soft_votes(self.vote, logits) if soft is None else soft).sum(axis=1, dtype="float64")

    def elected(self, vote: str | None = None) -> np.ndarray:
        """Return the result of the vote, `(examples, ...)`, as the layer gives it."""
        shares, soft = self.votes / self.flips, self.soft / self.flips
        hard, soft = (keras.ops.convert_to_tensor(one.astype("float32")) for one in (shares, soft))
        return keras.ops.convert_to_numpy(self.vote.elect(hard, soft, vote))


def snapshots(chunks: Iterator, tally: Tally, wanted: Sequence[int], position: int = 0) -> Iterator[int]:
    """Count chunks and stop after each wanted number of flips, in ascending order; yields the number."""
    left = sorted(set(wanted))
    for chunk in chunks:
        logits, begin = chunk[position], 0
        while left and left[0] - tally.flips <= logits.shape[1] - begin:
            end = begin + left[0] - tally.flips
            tally.add(logits[:, begin:end])
            begin = end
            yield left.pop(0)
        if begin < logits.shape[1] and left:
            tally.add(logits[:, begin:])


def hard_votes(vote: MajorityVote, logits: np.ndarray) -> np.ndarray:
    """Give each flip's vote, shared by equals, in the shape of `logits`."""
    if vote.kind == "numbers":
        return logits
    if vote.kind == "labels":
        half = 0.0 if vote.from_logits else 0.5
        return (logits > half) + 0.5 * (logits == half)
    largest = logits == logits.max(axis=-1, keepdims=True)
    return largest / largest.sum(axis=-1, keepdims=True)


def soft_votes(vote: MajorityVote, logits: np.ndarray) -> np.ndarray:
    """Give each flip's probabilities, or its numbers, in the shape of `logits`."""
    if vote.kind == "numbers" or not vote.from_logits:
        return logits
    if vote.kind == "labels":
        return 0.5 * (1 + np.tanh(logits / (2 * vote.temperature)))  # the sigmoid, without overflow
    scaled = np.exp((logits - logits.max(axis=-1, keepdims=True)) / vote.temperature)
    return scaled / scaled.sum(axis=-1, keepdims=True)
