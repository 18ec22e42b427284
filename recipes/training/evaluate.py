"""Evaluate a model under every vote: result lines with Wilson intervals, how far its flips differ, and scores."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.amplification.accuracy import chosen
from zoo.amplification.adaptive import adaptive_vote
from zoo.amplification.amplified import VOTES
from zoo.amplification.checks import check_examples, check_labels
from zoo.amplification.coin_graph import has_coins
from zoo.amplification.drawn import drawn
from zoo.amplification.election import AdaptiveVote
from zoo.amplification.tally import Tally, snapshots
from zoo.amplification.without_coins import without_coins
from zoo.data.split import Split
from zoo.graph import check_one_input
from zoo.layers import MajorityVote
from zoo.layers.arguments import positive_int
from zoo.recipes.reporting.evaluation import Evaluation
from zoo.recipes.reporting.flips_needed import plot_flips_needed
from zoo.recipes.reporting.page import write_page
from zoo.recipes.reporting.results import environment
from zoo.recipes.reporting.votes import plot_scores
from zoo.recipes.training.adaptive_line import adaptive_line
from zoo.recipes.training.vote_scores import VoteScores
from zoo.recipes.training.watch_coins import equal_but_for_rounding
from zoo.scores.wilson_interval import wilson

_BATCH = 32  # images evaluated at once
_ADAPTIVE = {"error": 0.01, "max_samples": 1000, "margin": 0.0}
_FLOOR = 1e-3  # what a share of no votes is worth in a likelihood: less than one flip of the hundreds that are usual


def evaluate(
    model: keras.Model,
    split: Split,
    samples: Sequence[int],
    votes: Sequence[str] | None = None,
    *,
    adaptive: Mapping[str, Any] | None = None,
    plots: str | Path | None = None,
    report: str | Path | None = None,
    recipe: str = "",
    weights: str = "",
    data: str = "",
    class_names: Sequence[str] | None = None,
    split_name: str = "test",
    seed: int | None = None,
) -> list[dict[str, Any]]:
    """Random accuracy of a model for each vote and number of flips (coins off: once).

    One pass of `max(samples)` flips answers all numbers of flips and both votes. Lines of votes also have
    `disagreement`, the share of examples whose first n flips are not all of one class, and `winning_share`, the mean
    share of the flips that the most frequent class has; and `outputs_differ`, whether any example had two flips, of the
    largest number, whose outputs differ by more than rounding: dead coins leave none.

    Lines end with scores of the distributions that the vote gives, see `zoo.scores`: `nll`, `brier`, `ece` and `aurc`,
    confidence being the largest probability. The distribution is the histogram of votes for "majority", the mean
    softmax for "mean" and the model's output with coins off. A histogram has zeros: in its `nll` a share below
    `nll_floor` counts as `nll_floor`, elsewhere there is none. A score that is infinite or not defined is None.

    The line of the adaptive vote has no such scores, but the mean number of flips (`samples`), the share of examples of
    each status, `certified_accuracy`, its settings and the seconds it took itself.

    Args:
        model: A model of the zoo; one without coins has its accuracy as a single line, vote "none".
        split: Images `(n, h, w, c)` and labels `(n,)`.
        samples: Numbers of flips, each >= 1.
        votes: Of `"majority"`, `"mean"` and `"expected"`; None is all of them.
        adaptive: Some of `error`, `max_samples` and `margin` of `zoo.adaptive_vote`, for a line of it; None has none.
        plots: Folder for `reliability.png` and `risk_coverage.png`, each vote at its most flips, and of the adaptive
            vote `flips_needed.png`; None draws nothing.
        report: HTML file that shows all of it; where flips are voted on it has an adaptive vote even if `adaptive` is
            None. None writes nothing.
        recipe: Name of the recipe, for the result lines.
        weights: Name or path of the weights, for the page.
        data: Name of the data set, for the result lines.
        class_names: Names of the classes, for the pictures and the page; None shows their numbers.
        split_name: Name of the split, likewise.
        seed: Seed of the model, likewise.

    Returns:
        One dict per vote and number of flips, ready to be written as a JSON line.

    Raises:
        ValueError: If the split is empty or has NaN, or an argument is outside its range.
    """
    if plots is not None and Path(plots).exists() and not Path(plots).is_dir():
        raise ValueError(f"`plots` must be a folder, or new. Received: plots={str(plots)!r}")
    if report is not None:
        _check_file(Path(report))
    check_one_input(model)
    x = check_examples(model, split.x)
    labels = check_labels(split.y, len(x), (), model.output_shape[-1], class_names)
    names = [*(class_names or [])]
    names += map(str, range(len(names), model.output_shape[-1]))
    coins, rows, adaptively = has_coins(model), [], None
    votes = list(votes or VOTES) if coins else ["expected"]
    flipping = [vote for vote in votes if vote != "expected"]
    common = {"recipe": recipe, "model": model.name, "data": data, "split": split_name}
    where, flips = {"seed": seed, **environment()}, [] if report is not None else None
    if adaptive is not None or (report is not None and flipping):
        adaptively, line = _adaptively(model, x, labels, {**_ADAPTIVE, **(adaptive or {})}, seed)
    started = time.monotonic()
    if flipping:
        rows += _by_flips(model, x, labels, sorted({positive_int("samples", n) for n in samples}), flipping, flips)
    if "expected" in votes:
        row, scored = _coins_off(model, x, labels)
        rows.append(({"samples": 1, "vote": "expected" if coins else "none", **row}, scored))
    seconds = {"seconds": round(time.monotonic() - started, 3)}
    curves = [(row, scored.curves()) for row, scored in rows]
    lines = [{**common, **row, **seconds, **where, **scored.as_row()} for row, scored in rows]
    if adaptively is not None:
        lines.append({**common, **line, **where})
    if plots is not None:
        plot_scores(curves, plots)
        if adaptively is not None:
            plot_flips_needed(adaptively, x, labels, Path(plots) / "flips_needed.png", names)
    if report is not None:
        kept = np.concatenate(flips) if flips else None
        write_page(report, Evaluation(lines, curves, x, labels, names, kept, adaptively, weights))
    return lines


def _check_file(report: Path) -> None:
    if report.is_dir() or any(parent.exists() and not parent.is_dir() for parent in report.parents):
        raise ValueError(f"`report` must be a file, or new, in a folder. Received: report={str(report)!r}")


def _adaptively(model, x, labels: np.ndarray, options: dict[str, Any], seed) -> tuple[AdaptiveVote, dict[str, Any]]:
    """Adaptive vote of all examples and what its line says."""
    started = time.monotonic()
    found = adaptive_vote(model, x, **options, batch_size=_BATCH, seed=seed)
    return found, {**adaptive_line(found, labels), **options, "seconds": round(time.monotonic() - started, 3)}


def _coins_off(model, x, labels: np.ndarray) -> tuple[dict[str, Any], VoteScores]:
    """Accuracy with every coin at its mean, and scores of the outputs."""
    scored = VoteScores()
    outputs = without_coins(model, x, _BATCH)
    classes = outputs.argmax(-1)
    scored.add(outputs, labels, classes)
    return wilson(int((classes == labels).sum()), len(labels))._asdict(), scored


def _by_flips(
    model, x, labels: np.ndarray, samples: list[int], votes: list[str], kept: list[np.ndarray] | None
) -> list[tuple[dict[str, Any], VoteScores]]:
    """Accuracy and scores of each vote for the first n flips of every example, from one pass.

    If `kept` is a list, the classes of the flips `(batch, flips)` are appended to it batch by batch.
    """
    correct, at = {(vote, n): 0 for vote in votes for n in samples}, 0
    scored = {(vote, n): VoteScores(_FLOOR if vote == "majority" else None) for vote, n in correct}
    disagreeing, winning = dict.fromkeys(samples, 0), dict.fromkeys(samples, 0.0)
    batches, differing = drawn(model, x, max(samples), _BATCH), _Differing()
    for batch in _shown(batches, -(-len(labels) // _BATCH)):
        truth, tally = labels[at : at + batch.size], Tally(batch.graph.votes[0])
        at += batch.size
        classes_of_flips: list[np.ndarray] = []
        chunks = differing.watched(batch.chunks)
        chunks = chunks if kept is None else _noted(chunks, tally.vote, classes_of_flips)
        for n in snapshots(chunks, tally, samples):
            shares = {"majority": tally.votes / n, "mean": tally.soft / n}
            for vote in votes:
                classes = tally.elected(vote).argmax(-1)
                correct[vote, n] += int((classes == truth).sum())
                scored[vote, n].add(shares[vote], truth, classes)
            largest = shares["majority"].max(axis=-1)
            disagreeing[n] += int((largest < 1 - 1e-9).sum())
            winning[n] += float(largest.sum())
        if kept is not None:
            kept.append(np.concatenate(classes_of_flips, axis=1))
    agreement = {
        n: {
            "disagreement": disagreeing[n] / at,
            "winning_share": winning[n] / at,
            "outputs_differ": differing.found,
        }
        for n in samples
    }
    return [
        ({"samples": n, "vote": vote, **wilson(right, at)._asdict(), **agreement[n]}, scored[vote, n])
        for (vote, n), right in correct.items()
    ]


class _Differing:
    """Whether any example has had two flips of different outputs."""

    def __init__(self) -> None:
        self.found = False

    def watched(self, chunks: Iterator[list[np.ndarray]]) -> Iterator[list[np.ndarray]]:
        """Yield the chunks of a batch, and compare their flips with its first ones."""
        first = None
        for chunk in chunks:
            first = chunk[0][:, :1] if first is None else first
            self.found = self.found or not equal_but_for_rounding(chunk[0], first)
            yield chunk


def _noted(chunks: Iterator[list[np.ndarray]], vote: MajorityVote, classes: list[np.ndarray]) -> Iterator[list]:
    """The same chunks; the classes of their flips are appended to a list."""
    for chunk in chunks:
        classes.append(chosen(vote, chunk[0]).astype(np.int32))
        yield chunk


def _shown(batches: Iterator, total: int) -> Iterable:
    """The same batches, with a progress bar where somebody looks: a hundred flips of 10,000 images take minutes."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(batches, "Flipping", total, console=console, transient=True, disable=not console.is_terminal)
