"""Flips of a model, chunk by chunk: what everything that counts them reads."""

from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np

from zoo.amplification.coin_graph import CoinGraph, flipping_graph
from zoo.amplification.reseed import start_coins, states_of
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
        tail = self.graph.tail
        if not beside and [*map(id, tail.outputs)] == [*map(id, tail.inputs)]:  # nothing is behind the votes
            return elected
        rows = len(self.hidden[0])
        padded = [np.concatenate([one, one[:1].repeat(rows - len(one), axis=0)]) for one in elected]
        found = tail.predict_on_batch([*beside, *padded])
        return [np.asarray(one)[: self.size] for one in keras.tree.flatten(found)]


def drawn(
    model: keras.Model,
    x,
    samples: int,
    batch_size: int = 32,
    chunk: int | None = None,
    *,
    seed: int | None = None,
    start: int = 0,
) -> Iterator[Batch]:
    """Flip the coins of each batch of checked examples, at most `batch_size * chunk` rows at a time.

    With a seed the flips come in blocks of the default size, or of `chunk` if that is smaller, and the coins of every
    block start from the seed, the batch's number and the block's. Flip number n of an example of `x` is then the same
    in whatever call asks for it.

    Args:
        model: A coin-flipping model.
        x: Checked examples.
        samples: Positive int, flips per example.
        batch_size: Positive int, examples per batch.
        chunk: None, or a positive int.
        seed: None, or an int in [0, 2**32).
        start: Number of the first flip, counted from 0.

    Raises:
        ValueError: If an argument is out of range, `model` cannot be amplified or its flips are not finite.
    """
    graph = flipping_graph(model)
    count = len(keras.tree.flatten(x)[0])
    rows = min(positive_int("batch_size", batch_size), count)
    at_once = graph.flips_at_once(rows) if chunk is None else positive_int("chunk", chunk)
    if seed is None:
        each = -(-positive_int("samples", samples) // -(-samples // at_once))  # equal chunks: one compilation
        blocks = _blocks(0, samples, each)
    else:
        block = graph.flips_in_block(rows)  # whatever number of flips a backend evaluates at once
        each = block if chunk is None else min(at_once, block)
        blocks = _blocks(start, start + positive_int("samples", samples), each)
    states = states_of(model, graph)
    for number, (_, size, hidden) in enumerate(hidden_of(graph, x, rows)):
        key = None if seed is None else (seed, number)
        yield Batch(graph, size, hidden, _chunks(graph, hidden, (rows, size), each, blocks, (states, key)))


def _chunks(graph: CoinGraph, hidden: list, rows_and_size, each: int, blocks, coins) -> Iterator[list[np.ndarray]]:
    """Yield the wanted flips of each block, of each vote `(size, flips, ...)`."""
    rows, size = rows_and_size
    states, key = coins
    flipped = [keras.ops.convert_to_numpy(one) for one in graph.rows(hidden, each)]
    for block, wanted in blocks:
        if key is not None:
            start_coins(states, *key, block)
        found = keras.tree.flatten(graph.suffix.predict_on_batch(flipped))
        chunk = [np.asarray(one, "float32" if one.dtype != np.float64 else None) for one in found]
        chunk = [one.reshape(rows, each, *one.shape[1:])[:size, wanted] for one in chunk]
        for vote, logits in zip(graph.votes, chunk, strict=True):
            check_finite(vote, logits)
        yield chunk


def _blocks(start: int, end: int, each: int) -> list[tuple[int, slice]]:
    """Numbers of the blocks that hold the flips from `start` to before `end`, and which flips of each these are."""
    numbers = range(start // each, -(-end // each))
    return [(n, slice(max(0, start - n * each), min(each, end - n * each))) for n in numbers]


def hidden_of(graph: CoinGraph, x, batch_size: int) -> Iterator[tuple[int, int, list]]:
    """Yield each batch of checked examples: its first index, its size and the prefix's outputs.

    All batches have the same number of rows; the last is filled up.
    """
    arrays = keras.tree.flatten(x)
    rows = min(batch_size, len(arrays[0]))
    for start in range(0, len(arrays[0]), rows):
        batch = [array[start : start + rows] for array in arrays]
        size = len(batch[0])
        padded = [np.concatenate([one, one[:1].repeat(rows - size, axis=0)]) for one in batch]
        given = padded[0] if len(padded) == 1 else keras.tree.pack_sequence_as(x, padded)
        yield start, size, keras.tree.flatten(graph.prefix.predict_on_batch(given))


def check_finite(vote, logits: np.ndarray) -> None:
    """Raise a `ValueError` if a flip of `(examples, flips, ...)` cannot vote."""
    # a class may be ruled out by a logit of -inf
    largest = logits.max(axis=-1) if vote.kind == "classes" else logits
    bad = np.asarray(~np.isfinite(largest)).reshape(len(logits), logits.shape[1], -1).max(axis=-1)
    if np.any(bad):
        raise ValueError(
            f"`model` must give finite numbers. Received: NaN or infinities before {vote.name!r} in {int(np.sum(bad))} "
            f"flips of {int(np.sum(bad.max(axis=1)))} of {len(logits)} examples; its training may have diverged"
        )
