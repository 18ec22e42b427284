"""Evaluate a model under every vote: result lines with Wilson intervals, how far its flips differ, and scores."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.amplification.accuracy import flip_logits, voted
from zoo.amplification.amplified import VOTES, coins_off
from zoo.amplification.halves import coin_graph, has_coins
from zoo.data.batches import Batches, fit_input
from zoo.data.lazy_images import as_images
from zoo.data.split import Split
from zoo.graph import check_one_input
from zoo.layers.arguments import positive_int
from zoo.recipes.reporting.results import environment
from zoo.recipes.reporting.votes import plot_scores
from zoo.recipes.training.vote_scores import VoteScores, vote_shares
from zoo.scores.wilson_interval import wilson

_BATCH = 32  # images evaluated at once
_FLOOR = 1e-3  # what a share of no votes is worth in a likelihood: less than one flip of the hundreds that are usual


def evaluate(
    model: keras.Model,
    split: Split,
    samples: Sequence[int],
    votes: Sequence[str] | None = None,
    *,
    plots: str | Path | None = None,
    recipe: str = "",
    data: str = "",
    split_name: str = "test",
    seed: int | None = None,
) -> list[dict[str, Any]]:
    """Random accuracy of a model for each vote and number of flips (coins off: once).

    One pass of `max(samples)` flips answers all numbers of flips and both votes. Lines of votes also have
    `disagreement`, the share of examples whose first n flips are not all of one class, and `winning_share`, the mean
    share of the flips that the most frequent class has.

    Lines end with scores of the distributions that the vote gives, see `zoo.scores`: `nll`, `brier`, `ece` and `aurc`,
    confidence being the largest probability. The distribution is the histogram of votes for "majority", the mean
    softmax for "mean" and the model's output with coins off. A histogram has zeros: in its `nll` a share below
    `nll_floor` counts as `nll_floor`, elsewhere there is none. A score that is infinite or not defined is None.

    Args:
        model: A model of the zoo; one without coins has its accuracy as a single line, vote "none".
        split: Images `(n, h, w, c)` and labels `(n,)`.
        samples: Numbers of flips, each >= 1.
        votes: Of `"majority"`, `"mean"` and `"expected"`; None is all of them.
        plots: Folder for `reliability.png` and `risk_coverage.png`, each vote at its most flips; None draws nothing.
        recipe: Name of the recipe, for the result lines.
        data: Name of the data set, likewise.
        split_name: Name of the split, likewise.
        seed: Seed of the model, likewise.

    Returns:
        One dict per vote and number of flips, ready to be written as a JSON line.

    Raises:
        ValueError: If the split is empty or has NaN, or an argument is outside its range.
    """
    if plots is not None and Path(plots).exists() and not Path(plots).is_dir():
        raise ValueError(f"`plots` must be a folder, or new. Received: plots={str(plots)!r}")
    labels = np.asarray(split.y).reshape(-1)
    if len(labels) != len(split.x):
        raise ValueError(f"`split` must have one label per image. Received: {len(split.x)} and {len(labels)} labels")
    common = {"recipe": recipe, "model": model.name, "data": data, "split": split_name}
    coins, started, rows = has_coins(model), time.monotonic(), []
    chosen = list(votes or VOTES) if coins else ["expected"]
    flipping = [vote for vote in chosen if vote != "expected"]
    if flipping:
        rows += _by_flips(model, split.x, labels, sorted({positive_int("samples", n) for n in samples}), flipping)
    if "expected" in chosen:
        row, scored = _coins_off(model, split.x, labels)
        rows.append(({"samples": 1, "vote": "expected" if coins else "none", **row}, scored))
    measured = {"seed": seed, "seconds": round(time.monotonic() - started, 3), **environment()}
    if plots is not None:
        plot_scores([(row, scored.curves()) for row, scored in rows], plots)
    return [{**common, **row, **measured, **scored.as_row()} for row, scored in rows]


def _coins_off(model, x, labels: np.ndarray) -> tuple[dict[str, Any], VoteScores]:
    """Accuracy with every coin at its mean, and scores of the outputs."""
    check_one_input(model)
    x, scored = as_images(x), VoteScores()
    if np.issubdtype(x.dtype, np.floating) and not np.isfinite(x).all():
        raise ValueError(f"`split` must have finite images. Received: {int((~np.isfinite(x)).sum())} infinities or NaN")
    outputs = coins_off(model).predict(fit_input(Batches(x, labels, _BATCH, shuffle=False)), verbose=0)
    classes = outputs.argmax(-1)
    scored.add(outputs, labels, classes)
    return wilson(int((classes == labels).sum()), len(labels))._asdict(), scored


def _by_flips(
    model, x, labels: np.ndarray, samples: list[int], votes: list[str]
) -> list[tuple[dict[str, Any], VoteScores]]:
    """Accuracy and scores of each vote for the first n flips of every example, from one pass."""
    temperature, at = coin_graph(model).majority.temperature, 0
    correct = {(vote, n): 0 for vote in votes for n in samples}
    scored = {(vote, n): VoteScores(_FLOOR if vote == "majority" else None) for vote, n in correct}
    disagreeing, winning = np.zeros(len(samples), int), np.zeros(len(samples))
    for logits in _shown(flip_logits(model, x, max(samples), _BATCH), -(-len(labels) // _BATCH)):
        truth, at = labels[at : at + len(logits)], at + len(logits)
        shares = vote_shares(logits, samples, temperature)
        for vote in votes:
            elected = voted(logits, samples, vote, temperature)
            for n, classes, share in zip(samples, elected, shares[vote], strict=True):
                correct[vote, n] += int((classes == truth).sum())
                scored[vote, n].add(share, truth, classes)
        largest = _largest_counts(logits.argmax(-1), samples, logits.shape[-1])
        disagreeing += (largest < samples).sum(axis=0)
        winning += (largest / samples).sum(axis=0)
    agreement = {
        n: {"disagreement": float(differ / at), "winning_share": float(share / at)}
        for n, differ, share in zip(samples, disagreeing, winning, strict=True)
    }
    return [
        ({"samples": n, "vote": vote, **wilson(right, at)._asdict(), **agreement[n]}, scored[vote, n])
        for (vote, n), right in correct.items()
    ]


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
