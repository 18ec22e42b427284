"""uncertainty: how far the flips of each example agree, in memory that does not grow with the flips."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from zoo.amplification.checks import check_examples
from zoo.amplification.coin_graph import flipping_graph
from zoo.amplification.distinct_names import distinct_names
from zoo.amplification.drawn import drawn
from zoo.amplification.reseed import seeded
from zoo.amplification.tally import Tally, soft_votes
from zoo.graph import check_model
from zoo.layers import MajorityVote
from zoo.layers.arguments import probability

_KEPT, _NUMBERS = 1000, 2**22  # flips of which quantiles are taken, and numbers of a batch that they may be


class Uncertainty(NamedTuple):
    """What the flips of each example say; for labels and numbers once for each unit.

    Entropies are in nats and follow from the flips' probabilities, not from their votes. The mutual information between
    class and coins is the part of the entropy that the coins explain: entropy of the mean minus mean of the entropies.

    Attributes:
        predicted: `(examples, ...)`, class of the vote, before what is behind it: of the majority, ties to the soft
            vote; 0 or 1 of labels; of numbers the mean.
        votes: `(examples, ..., classes)`, share of the flips' votes, before ties are broken; None of numbers.
        mean: `(examples, ..., classes)`, mean of the flips' probabilities or numbers.
        standard_deviation: Of the same shape, their deviation over the flips (the sum of squares divided by `samples`).
        entropy: `(examples, ...)`, entropy of `mean`; None of numbers.
        mutual_information: `(examples, ...)`; None of numbers.
        variation_ratio: `(examples, ...)`, 1 minus the largest share of votes; None of numbers.
        quantiles: `(len(quantiles), examples, ...)`, of the numbers or probabilities of the first 1,000 flips, or of as
            many as are four million numbers of a batch.

    Example:
        >>> found = zoo.uncertainty(zoo.build("ball_cfnn", seed=0), np.array([[0.0, 0.0], [1.0, 0.0]]), 1001, seed=0)
        >>> bool(found.variation_ratio[0] < found.variation_ratio[1])  # on the sphere nobody knows
        True
    """

    predicted: np.ndarray
    votes: np.ndarray | None
    mean: np.ndarray
    standard_deviation: np.ndarray
    entropy: np.ndarray | None
    mutual_information: np.ndarray | None
    variation_ratio: np.ndarray | None
    quantiles: np.ndarray


def uncertainty(
    model: keras.Model,
    x,
    samples: int = 100,
    *,
    quantiles: Sequence[float] = (0.05, 0.5, 0.95),
    batch_size: int = 32,
    chunk: int | None = None,
    seed: int | None = None,
) -> Uncertainty | dict[str, Uncertainty]:
    """Measure how far the flips of each example agree.

    Args:
        model: A coin-flipping model; `zoo.with_coins` makes one of any other.
        x: Array `(examples, ...)` or `LazyImages`; of several inputs a structure of arrays.
        samples: Positive int, flips per example.
        quantiles: Floats in [0, 1], by NumPy's linear interpolation.
        batch_size: Positive int, examples per batch.
        chunk: Positive int; at most `batch_size * chunk` rows are evaluated at once. None as in `amplify`.
        seed: None, or an int in [0, 2**32) from which the coins start; they then go on as if nothing was flipped.

    Returns:
        An `Uncertainty`, or a dict by the votes' names if there are several, with their numbers if two are the same:
        `vote_0`, `vote_1`.

    Raises:
        ValueError: If an argument is out of range, `model` does not flip, `x` does not fit its inputs or has NaN, or a
            flip is not finite.

    Reference: Gal, Uncertainty in Deep Learning (2016), section 3.3.

    Example:
        >>> model = zoo.build("stochastic_mlp", seed=0)
        >>> found = zoo.uncertainty(model, np.zeros((5, *model.input_shape[1:])), samples=50, seed=0)
        >>> found.votes.shape, bool((found.mutual_information <= found.entropy + 1e-6).all())
        ((5, 2), True)
    """
    check_model(model)
    at = [probability("quantiles", q) for q in np.atleast_1d(quantiles).tolist()]
    graph = flipping_graph(model)  # a model that does not flip is refused for that
    parts: list[list[Uncertainty]] = []
    with seeded(model, seed, graph):
        for batch in drawn(model, check_examples(model, x), samples, batch_size, chunk, seed=seed):
            votes = batch.graph.votes
            sums = [_Sums(vote) for vote in votes]
            for chunks in batch.chunks:
                for one, logits in zip(sums, chunks, strict=True):
                    one.add(logits)
            parts.append([one.result(at) for one in sums])
    found = [_joined(of_vote) for of_vote in zip(*parts, strict=True)]
    return found[0] if len(found) == 1 else dict(zip(distinct_names(vote.name for vote in votes), found, strict=True))


class _Sums:
    """Sums over the flips of a batch so far, around the first flip: a deviation far below the mean keeps its digits."""

    def __init__(self, vote: MajorityVote) -> None:
        self.vote, self.tally, self.kept = vote, Tally(vote), []
        self.origin: Any = None
        self.offsets = self.squares = self.entropies = 0.0

    def add(self, logits: np.ndarray) -> None:
        """Count a chunk `(examples, flips, ...)`."""
        soft = soft_votes(self.vote, logits).astype("float64")
        if self.origin is None:
            self.origin = soft[:, :1]
        self.tally.add(logits, soft)
        self.offsets = self.offsets + (soft - self.origin).sum(axis=1)
        self.squares = self.squares + ((soft - self.origin) ** 2).sum(axis=1)
        if self.vote.kind != "numbers":
            self.entropies = self.entropies + _entropy(self.vote, soft).sum(axis=1)
        kept = sum(part.shape[1] for part in self.kept)
        room = min(_KEPT, max(1, _NUMBERS // soft[:, 0].size)) - kept
        if room > 0:
            self.kept.append(soft[:, :room].astype("float32"))

    def result(self, quantiles: list[float]) -> Uncertainty:
        """Return what the sums say."""
        flips, vote = self.tally.flips, self.vote
        mean = self.origin[:, 0] + self.offsets / flips
        variance = np.maximum(self.squares / flips - (self.offsets / flips) ** 2, 0)
        of_flips = np.quantile(np.concatenate(self.kept, axis=1), quantiles, axis=1)
        if vote.kind == "numbers":
            return Uncertainty(mean, None, mean, np.sqrt(variance), None, None, None, of_flips)
        shares, entropy = self.tally.votes / flips, _entropy(vote, mean)
        elected = self.tally.elected("majority")
        if vote.kind == "classes":
            predicted, largest = elected.argmax(-1), shares.max(-1)
        else:
            predicted, largest = (elected > 0.5).astype(np.int64), np.maximum(shares, 1 - shares)
        information = np.maximum(entropy - self.entropies / flips, 0)
        return Uncertainty(predicted, shares, mean, np.sqrt(variance), entropy, information, 1 - largest, of_flips)


def _entropy(vote: MajorityVote, p: np.ndarray) -> np.ndarray:
    """Entropy in nats of classes on the last axis, or of every unit's yes and no."""
    if vote.kind == "classes":
        return -np.sum(_p_log_p(p), axis=-1)
    return -_p_log_p(p) - _p_log_p(1 - p)


def _p_log_p(p: np.ndarray) -> np.ndarray:
    return p * np.log(np.where(p > 0, p, 1.0))


def _joined(parts: Sequence[Uncertainty]) -> Uncertainty:
    """Put the examples of all batches one after the other."""
    fields = []
    for name, values in zip(Uncertainty._fields, zip(*parts, strict=True), strict=True):
        fields.append(None if values[0] is None else np.concatenate(values, axis=1 if name == "quantiles" else 0))
    return Uncertainty(*fields)
