"""Election: votes and state of the examples of an adaptive vote."""

from typing import Any, NamedTuple

import numpy as np

from zoo.amplification.evidence import class_weight, lead_above, leaders, log_bets, log_evidence, log_wealth
from zoo.amplification.tally import hard_votes, soft_votes
from zoo.layers import MajorityVote

CERTIFIED, TIED, SETTLED, UNDECIDED = STATUSES = ("certified", "tied", "settled", "undecided")
_OPEN = ""


class AdaptiveVote(NamedTuple):
    """What `adaptive_vote` found. Of a model that votes per pixel or per label, `...` are the pixels or labels.

    Attributes:
        classes: `(examples, ...)` int64, class of the vote when its status was known; of labels 0 or 1. An example with
            several flips on until all are known.
        samples: `(examples,)` int64, flips of each example.
        status: `(examples, ...)` text. "certified": the class is the mode of the model's own distribution, a claim that
            is wrong with a probability of at most `error`. "tied": no class leads by `margin` or more, wrong with at
            most `error`. "settled": the rest of `max_samples` flips cannot change their vote. "undecided": none of
            these after `max_samples` flips.
        counts: `(examples, ..., classes)` float64, votes of each class, or sums of soft votes; of labels those for yes.
        lead_low: `(examples, ...)`, bound of the class's probability minus that of the best other class. The lead is
            below it with a probability of at most `error`, at whatever moment the flips ended.
        lead_high: `(examples, ...)`, bound that the lead is above with a probability of at most `error`.

    Example:
        >>> found = zoo.adaptive_vote(zoo.build("ball_cfnn", seed=0), np.array([[0.1, 0.0]]), seed=0)
        >>> found.classes.tolist(), found.status.tolist(), bool(found.lead_low[0] > 0)
        ([0], ['certified'], True)
    """

    classes: np.ndarray
    samples: np.ndarray
    status: np.ndarray
    counts: np.ndarray
    lead_low: np.ndarray
    lead_high: np.ndarray


class Election:
    """Votes, soft votes and state of every example; labels are votes on two classes for each of them."""

    def __init__(self, layer: MajorityVote, vote: str, count: int, shape: tuple, limits: tuple) -> None:
        self.layer, self.vote = layer, vote
        self.error, self.most, self.margin = limits
        self.between = shape if layer.kind == "labels" else shape[:-1]
        self.classes = 2 if layer.kind == "labels" else shape[-1]
        units = int(np.prod(self.between))
        self.samples = np.zeros(count, int)
        self.hard = np.zeros((count, units, self.classes))
        self.soft = np.zeros((count, units, self.classes))
        self.guessed: np.ndarray | None = None
        self.status = np.full((count, units), _OPEN, dtype=f"<U{max(map(len, STATUSES))}")
        self.chosen = np.zeros((count, units), int)
        self.bets: dict[int, _Bets] = {}  # of the open examples, for vote="mean"

    def least(self, weight: float) -> int:
        """Return the number of unanimous flips that certify a class of that weight, or `most` if it is less."""
        flips = np.arange(1, min(self.most, 10_000) + 1)
        enough = log_evidence(flips, 0 * flips) >= -np.log(weight) - np.log(self.error)
        return int(flips[enough.argmax()]) if enough.any() else len(flips)

    def guess(self, indices: np.ndarray, votes: np.ndarray) -> None:
        """Note the class that coins off vote for `(examples, ...)`, before the first flip."""
        if self.guessed is None:
            self.guessed = np.zeros(self.chosen.shape, int)
        self.guessed[indices] = self._by_class(votes[:, None])[:, 0].argmax(-1)

    def add(self, examples: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Count flips `(places, flips, ...)` and return the examples that are decided now.

        There may be more places than examples: the rest fills the call.
        """
        both = (self._by_class(of_layer(self.layer, logits)) for of_layer in (hard_votes, soft_votes))
        hard, soft = (one[: len(examples)].astype("float64") for one in both)
        if self.vote == "mean" and ((soft < -1e-6).any() or (soft.sum(axis=-1) > 1 + 1e-3).any()):
            raise ValueError(
                '`vote` must be "majority" where the soft votes are no probabilities: they must be >= 0 and sum to 1. '
                f'Received: vote="mean" and votes from {soft.min():.4g} to {soft.max():.4g}'
            )
        touched, firsts, which = np.unique(examples, return_index=True, return_inverse=True)
        # An example's places are neighbours; the last of them may hold more flips than it may have.
        place = np.arange(len(examples)) - firsts[which]
        room = (self.most - self.samples[examples]) - place * logits.shape[1]
        counted = np.arange(logits.shape[1]) < room[:, None]
        hard, soft = (one * counted[..., None, None] for one in (hard, soft))
        self.samples[touched] += np.add.reduceat(counted.sum(axis=1), firsts)
        self.hard[touched] += np.add.reduceat(hard.sum(axis=1), firsts)
        self.soft[touched] += np.add.reduceat(soft.sum(axis=1), firsts)
        if self.vote == "mean":
            for index, example in enumerate(touched):
                places = slice(firsts[index], firsts[index + 1] if index + 1 < len(firsts) else None)
                self.bets.setdefault(int(example), _Bets()).add(soft[places][counted[places]])
        self._decide(touched)
        done = touched[(self.status[touched] != _OPEN).all(axis=1)]
        for example in done:
            self.bets.pop(int(example), None)
        return done

    def result(self) -> AdaptiveVote:
        """Return classes, states and bounds of all examples."""
        low, high = self._bounds()
        counts = self._counts()
        shape = (len(self.samples), *self.between)
        labels = self.layer.kind == "labels"
        counts = counts[..., 1].reshape(shape) if labels else counts.reshape(*shape, self.classes)
        found = (self.chosen, self.status, low, high)
        chosen, status, low, high = (one.reshape(shape) for one in found)
        return AdaptiveVote(chosen, self.samples, status, counts, low, high)

    def _by_class(self, values: np.ndarray) -> np.ndarray:
        """Values of each class `(a, b, units, classes)` from votes `(a, b, ...)`."""
        if self.layer.kind == "labels":
            values = values.reshape(*values.shape[:2], -1)
            return np.stack([1 - values, values], axis=-1)
        return values.reshape(*values.shape[:2], -1, self.classes)

    def _counts(self) -> np.ndarray:
        return self.hard if self.vote == "majority" else self.soft

    def _asked(self, rows: np.ndarray, leader: np.ndarray) -> np.ndarray:
        """Logarithm of the evidence that certifies each unit's leader."""
        if self.guessed is None:
            return np.full(leader.shape, np.log(self.classes) - np.log(self.error))
        return -np.log(self.error) - np.log(class_weight(leader == self.guessed[rows], self.classes))

    def _decide(self, rows: np.ndarray) -> None:
        """Give a state to the units of these examples that have one now; a state stays."""
        leader, ahead, behind = leaders(self._counts()[rows], self.soft[rows])
        flips = np.broadcast_to(self.samples[rows, None], ahead.shape)
        left = self.most - flips
        states = np.where(left == 0, UNDECIDED, np.where(ahead - behind > left, SETTLED, _OPEN))
        if self.margin:
            less = [log_evidence(a, b, flips, -self.margin) for a, b in ((ahead, behind), (behind, ahead))]
            states = np.where(np.minimum(*less) >= np.log((self.classes - 1) / self.error), TIED, states)
        evidence = self._evidence(rows, leader, ahead, behind)
        states = np.where(evidence >= self._asked(rows, leader), CERTIFIED, states)
        undecided = self.status[rows] == _OPEN
        self.status[rows] = np.where(undecided, states, self.status[rows])
        self.chosen[rows] = np.where(undecided, leader, self.chosen[rows])

    def _evidence(self, rows, leader, ahead, behind) -> np.ndarray:
        """Logarithm of the evidence for each unit's leader, against the rival where it is least."""
        found = log_evidence(ahead, behind)
        if self.vote == "mean":
            for index, example in enumerate(rows):
                found[index] = self.bets[int(example)].evidence(leader[index])
        return found

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the lead of the class of each unit."""
        counts = self._counts()
        ahead = np.take_along_axis(counts, self.chosen[..., None], axis=-1)[..., 0]
        behind = np.where(np.arange(self.classes) == self.chosen[..., None], -1, counts).max(axis=-1)
        flips = np.broadcast_to(self.samples[:, None], ahead.shape)
        asked = self._asked(np.arange(len(flips)), self.chosen)
        low = lead_above(ahead, behind, flips, asked)
        high = -lead_above(behind, ahead, flips, asked + np.log(self.classes - 1))
        return np.where(self.status == CERTIFIED, np.maximum(low, 0), low), high


class _Bets:
    """Soft votes of one example, and bets on its leaders against each rival, which are made once per flip."""

    def __init__(self) -> None:
        self.flips: list[np.ndarray] = []
        self.leader: np.ndarray | None = None
        self.logs: Any = 0.0
        self.counted = 0

    def add(self, soft: np.ndarray) -> None:
        """Take in soft votes `(flips, units, classes)`."""
        self.flips.append(soft)

    def evidence(self, leader: np.ndarray) -> np.ndarray:
        """Return the logarithm of the least evidence `(units,)` for these classes `(units,)` against a rival."""
        if self.leader is None or (leader != self.leader).any():
            self.leader, self.logs, self.counted = leader, 0.0, 0
        soft = np.moveaxis(np.concatenate(self.flips[self.counted :]), 0, -1)  # (units, classes, flips)
        self.logs = self.logs + log_bets(np.take_along_axis(soft, leader[:, None, None], axis=1) - soft)
        self.counted = len(self.flips)
        wealth = log_wealth(self.logs)  # against itself: 1
        np.put_along_axis(wealth, leader[:, None], np.inf, axis=1)
        return wealth.min(axis=1)
