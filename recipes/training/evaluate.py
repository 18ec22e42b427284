"""Evaluate a model under every vote: result lines with Wilson intervals, and how far its flips differ."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

import zoo
from zoo.amplification.accuracy import flip_logits, voted, wilson
from zoo.amplification.amplified import VOTES
from zoo.amplification.coin_graph import coin_graph, has_coins
from zoo.data.split import Split
from zoo.layers.arguments import positive_int
from zoo.recipes.reporting.results import environment

_BATCH = 32  # images evaluated at once


def evaluate(
    model: keras.Model,
    split: Split,
    samples: Sequence[int],
    votes: Sequence[str] | None = None,
    *,
    recipe: str = "",
    data: str = "",
    split_name: str = "test",
    seed: int | None = None,
) -> list[dict[str, Any]]:
    """Random accuracy of a model for each vote and number of flips (coins off: once).

    One pass of `max(samples)` flips answers all numbers of flips and both votes. Lines of votes also have
    `disagreement`, the share of examples whose first n flips are not all of one class, and `winning_share`, the mean
    share of the flips that the most frequent class has.

    Args:
        model: A model of the zoo; one without coins has its accuracy as a single line, vote "none".
        split: Images `(n, h, w, c)` and labels `(n,)`.
        samples: Numbers of flips, each >= 1.
        votes: Of `"majority"`, `"mean"` and `"expected"`; None is all of them.
        recipe: Name of the recipe, for the result lines.
        data: Name of the data set, likewise.
        split_name: Name of the split, likewise.
        seed: Seed of the model, likewise.

    Returns:
        One dict per vote and number of flips, ready to be written as a JSON line.

    Raises:
        ValueError: If the split is empty or has NaN, or an argument is outside its range.
    """
    common = {"recipe": recipe, "model": model.name, "data": data, "split": split_name}
    coins, started, rows = has_coins(model), time.monotonic(), []
    chosen = list(votes or VOTES) if coins else ["expected"]
    flipping = [vote for vote in chosen if vote != "expected"]
    if flipping:
        rows += _by_flips(model, split, sorted(positive_int("samples", n) for n in samples), flipping)
    if "expected" in chosen:
        plain = zoo.random_accuracy(model, split.x, split.y, 1, "expected")
        rows.append({"samples": 1, "vote": "expected" if coins else "none", **plain._asdict()})
    measured = {"seed": seed, "seconds": round(time.monotonic() - started, 3), **environment()}
    return [{**common, **row, **measured} for row in rows]


def _by_flips(model, split: Split, samples: list[int], votes: list[str]) -> list[dict[str, Any]]:
    """Accuracy of each vote for the first n flips of every example, from one pass."""
    temperature = coin_graph(model).votes[0].temperature
    labels, at = np.asarray(split.y).reshape(-1), 0
    if len(labels) != len(split.x):
        raise ValueError(f"`split` must have one label per image. Received: {len(split.x)} and {len(labels)} labels")
    correct = {(vote, n): 0 for vote in votes for n in samples}
    disagreeing, winning = np.zeros(len(samples), int), np.zeros(len(samples))
    for logits in _shown(flip_logits(model, split.x, max(samples), _BATCH), -(-len(labels) // _BATCH)):
        truth, at = labels[at : at + len(logits)], at + len(logits)
        for vote in votes:
            for n, classes in zip(samples, voted(logits, samples, vote, temperature), strict=True):
                correct[vote, n] += int((classes == truth).sum())
        largest = _largest_counts(logits.argmax(-1), samples, logits.shape[-1])
        disagreeing += (largest < samples).sum(axis=0)
        winning += (largest / samples).sum(axis=0)
    shares = {
        n: {"disagreement": float(differ / at), "winning_share": float(share / at)}
        for n, differ, share in zip(samples, disagreeing, winning, strict=True)
    }
    return [{"samples": n, "vote": vote, **wilson(c, at)._asdict(), **shares[n]} for (vote, n), c in correct.items()]


def _shown(batches: Iterator[np.ndarray], total: int) -> Iterable[np.ndarray]:
    """The same batches, with a progress bar where somebody looks: a hundred flips of 10,000 images take minutes."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(batches, "Flipping", total, console=console, transient=True, disable=not console.is_terminal)


def _largest_counts(classes: np.ndarray, samples: list[int], number: int) -> np.ndarray:
    """Flips of the most frequent class among the first n of `(batch, flips)`, for each n: `(batch, len(samples))`."""
    counts = np.cumsum(classes[:, :, None] == np.arange(number), axis=1, dtype=np.int32)
    return counts[:, np.asarray(samples) - 1].max(axis=-1)
