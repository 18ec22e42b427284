"""Flips of only those examples that still want some: the others leave, waiting ones take their places."""

from collections.abc import Iterator

import keras
import numpy as np

from zoo.amplification.coin_graph import CoinGraph
from zoo.amplification.drawn import check_finite, hidden_of

AT_LEAST = 3  # flips of a place in a call; an example may have several places
SHARE = 16  # an example gets a sixteenth more flips than it has: calls stay few, and so do flips that are not needed
_SIZES = (16, 4, 1)  # calls of a sixteenth, of a quarter and of all the rows: three compilations, not one a call


class Pool:
    """Examples in memory, the deterministic part of each computed once, and calls of equal size that flip for them.

    Args:
        graph: Parts of the model.
        x: Checked examples.
        batch_size: Examples of which the deterministic part is computed at once.
        rows: Examples' flips evaluated at once, at most.
        first: Flips of an example before anything can be decided.

    Attributes:
        members: Indices of the examples in memory, in the order in which they came.
    """

    def __init__(self, graph: CoinGraph, x, *, batch_size: int, rows: int, first: int) -> None:
        self.graph, self.first = graph, first
        self.shared = graph.branches > 0  # draws that all examples of a call share
        self.rows = max(rows, first) if self.shared else rows
        self.flips = first if self.shared else min(first, AT_LEAST, rows)
        self.members = np.zeros(0, int)
        self._hidden: list[np.ndarray] = []
        self._batches: Iterator | None = hidden_of(graph, x, batch_size)

    @property
    def places(self) -> int:
        """Places of a full call."""
        return max(1, self.rows // self.flips)

    def fill(self) -> Iterator[tuple[np.ndarray, list]]:
        """Take in waiting examples while there is room, and yield their indices and the outputs of the prefix."""
        while self._batches is not None and len(self.members) < self.places:
            batch = next(self._batches, None)
            if batch is None:
                self._batches = None
                return
            start, size, hidden = batch
            indices = np.arange(start, start + size)
            kept = [np.asarray(one)[:size] for one in hidden]
            before = self._hidden or [one[:0] for one in kept]
            self._hidden = [np.concatenate(pair) for pair in zip(before, kept, strict=True)]
            self.members = np.concatenate([self.members, indices])
            yield indices, hidden

    def drop(self, decided: np.ndarray) -> None:
        """Let the examples of those indices go."""
        keep = ~np.isin(self.members, decided)
        self.members, self._hidden = self.members[keep], [one[keep] for one in self._hidden]

    def flip(self, had: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Flip once for as many members as have room in a call.

        Args:
            had: Flips that each member had.
            left: Flips that each member may still have, > 0.

        Returns:
            Indices of the examples `(used,)`, an example as often as it has places, and logits
            `(places, flips, ...)`; the places behind the used ones fill the call.
        """
        flips = self._flips_of_all(had) if self.shared else self.flips
        wanted = np.clip(had // SHARE, self.first - had, left)
        counts = np.ones(len(had), int) if self.shared else -(-np.maximum(wanted, 1) // flips)
        order = np.repeat(np.arange(len(had)), counts)[: max(1, self.rows // flips)]
        logits = self._call(order, flips)
        return self.members[order], logits

    def _flips_of_all(self, had: np.ndarray) -> int:
        """Flips of a call whose draws all examples share: more when no example is new."""
        if self._batches is not None:
            return self.flips
        able = [n for n in (4 * self.first, 16 * self.first) if n <= had.min() and n * len(had) <= self.rows]
        return max([self.flips, *able])

    def _call(self, order: np.ndarray, flips: int) -> np.ndarray:
        most = max(1, self.rows // flips)
        places = min(size for size in (-(-most // part) for part in _SIZES) if size >= len(order))
        padded = np.concatenate([order, np.zeros(places - len(order), int)])
        rows = self.graph.rows([one[padded] for one in self._hidden], flips)
        given = [keras.ops.convert_to_numpy(one) for one in rows]
        (logits,) = keras.tree.flatten(self.graph.suffix.predict_on_batch(given))
        logits = np.asarray(logits, "float32" if logits.dtype != np.float64 else None)
        logits = logits.reshape(places, flips, *logits.shape[1:])
        check_finite(self.graph.votes[0], logits)
        return logits
