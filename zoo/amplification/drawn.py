"""Flips of a model, chunk by chunk: what everything that counts them reads."""

from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np

from zoo.amplification.coin_graph import CoinGraph, flipping_graph
from zoo.layers.arguments import positive_int


class Batch(NamedTuple):
    """One batch of examples and its flips.

    Attributes:
        graph: Parts of the model.
        size: Number of examples.
        hidden: The prefix's outputs for them, and for the rows that fill the batch.
        chunks: For every chunk of flips a list of each vote's logits `(size, flips, ...)`.
    """

    graph: CoinGraph
    size: int
    hidden: list
    chunks: Iterator[list[np.ndarray]]

    def outputs(self, elected: list[np.ndarray]) -> list[np.ndarray]:
        """Return the model's outputs, flattened, for the results of its votes."""
        beside = self.graph.beside(self.hidden)
        if not beside and len(self.graph.tail.layers) == len(elected):  # nothing is behind the votes
            return elected
        rows = len(self.hidden[0])
        padded = [np.concatenate([one, one[:1].repeat(rows - len(one), axis=0)]) for one in elected]
        found = self.graph.tail.predict_on_batch([*beside, *padded])
        return [np.asarray(one)[: self.size] for one in keras.tree.flatten(found)]


def drawn(model: keras.Model, x, samples: int, batch_size: int = 32, chunk: int | None = None) -> Iterator[Batch]:
    """Flip the coins of each batch of checked examples, at most `batch_size * chunk` rows at a time.

    Raises:
        ValueError: If an argument is out of range, `model` cannot be amplified or its flips are not finite.
    """
    graph = flipping_graph(model)
    arrays, count = keras.tree.flatten(x), len(keras.tree.flatten(x)[0])
    rows = min(positive_int("batch_size", batch_size), count)
    at_once = graph.flips_at_once(rows) if chunk is None else positive_int("chunk", chunk)
    each = -(-positive_int("samples", samples) // -(-samples // at_once))  # equal chunks: one compilation
    for start in range(0, count, rows):
        batch = [array[start : start + rows] for array in arrays]
        size = len(batch[0])
        padded = [np.concatenate([one, one[:1].repeat(rows - size, axis=0)]) for one in batch]
        given = padded[0] if len(padded) == 1 else keras.tree.pack_sequence_as(x, padded)
        hidden = keras.tree.flatten(graph.prefix.predict_on_batch(given))
        yield Batch(graph, size, hidden, _chunks(graph, hidden, (rows, size), samples, each))


def _chunks(graph, hidden, rows_and_size, samples: int, each: int) -> Iterator[list[np.ndarray]]:
    rows, size = rows_and_size
    flipped = [keras.ops.convert_to_numpy(one) for one in graph.rows(hidden, each)]
    for done in range(0, samples, each):
        found = keras.tree.flatten(graph.suffix.predict_on_batch(flipped))
        chunk = [np.asarray(one, "float32" if one.dtype != np.float64 else None) for one in found]
        chunk = [one.reshape(rows, each, *one.shape[1:])[:size, : samples - done] for one in chunk]
        for vote, logits in zip(graph.votes, chunk, strict=True):
            _check_finite(vote, logits)
        yield chunk


def _check_finite(vote, logits: np.ndarray) -> None:
    # a class may be ruled out by a logit of -inf
    largest = logits.max(axis=-1) if vote.kind == "classes" else logits
    bad = np.asarray(~np.isfinite(largest)).reshape(len(logits), logits.shape[1], -1).max(axis=-1)
    if np.any(bad):
        raise ValueError(
            f"`model` must give finite numbers. Received: NaN or infinities before {vote.name!r} in {int(np.sum(bad))} "
            f"flips of {int(np.sum(bad.max(axis=1)))} of {len(logits)} examples; its training may have diverged"
        )
