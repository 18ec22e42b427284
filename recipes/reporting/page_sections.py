"""Tables and drawings of an evaluation's page, section by section."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from zoo.amplification.election import AdaptiveVote
from zoo.recipes.reporting.evaluation import Evaluation
from zoo.recipes.reporting.figure import whole_ticks
from zoo.recipes.reporting.flip_statistics import AccuracyByFlips, accuracy_by_flips, margins
from zoo.recipes.reporting.flips_needed import draw_flips_needed
from zoo.recipes.reporting.inline_picture import Picture, picture
from zoo.recipes.reporting.rows import Rows
from zoo.recipes.reporting.votes import draw_accuracy, label, last_of_votes, score_cells, score_notes, vote_cells
from zoo.scores import plot_reliability, plot_risk_coverage
from zoo.scores.calibration import mean_gap

_WORK = 10**9  # votes that are counted for the deviation of the accuracy, some ten seconds
_NUMBERS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)


def sections(found: Evaluation) -> list[dict[str, Any]]:
    """Return the sections that have something to show: `id`, `title`, `text`, `tables` and `drawings` of each."""
    made = [_tables(found), *_scored(found)]
    if found.flips is not None:
        made.append(_flips(found, found.flips))
    if found.adaptive is not None:
        made.append(_needed(found.adaptive))
    return made


def _section(name: str, title: str, text: Iterable[str] = (), tables=(), drawings: Iterable[Picture] = ()):
    return {"id": name, "title": title, "text": list(text), "tables": list(tables), "drawings": list(drawings)}


def _tables(found: Evaluation) -> dict[str, Any]:
    """Tables of every vote: accuracy and scores."""
    captions = ("Accuracy with its Wilson interval", "Scores of the probabilities")
    cells = (vote_cells(found.rows), score_cells(found.rows))
    tables = [
        {"id": f"table-{number}", "caption": caption, "heads": heads, "lines": lines}
        for number, (caption, (lines, heads)) in enumerate(zip(captions, cells, strict=True), 1)
        if lines
    ]
    probabilities = (
        "Probabilities are shares of votes for a majority, the mean softmax for a mean, and the model's output with "
        "coins off."
    )
    text = [probabilities] if found.flips is not None else []
    text += ["All scores are better when they are smaller.", *score_notes(found.rows)] if len(tables) > 1 else []
    return _section("votes", "Every vote", text, tables)


def _scored(found: Evaluation) -> list[dict[str, Any]]:
    """Reliability of each vote and risk of all of them; nothing of outputs that are no distributions."""
    last = last_of_votes(found.curves)
    if not last:
        return []
    drawings, risks = [], []
    for name, (reliability, curve) in last:
        kept = reliability.counts > 0
        shares = reliability.counts[kept] / reliability.counts.sum()
        claimed, right = (100 * float(shares @ one[kept]) for one in (reliability.confidence, reliability.accuracy))
        drawings.append(
            picture(
                partial(plot_reliability, reliability),
                f"{name.capitalize()}: the top probability is {claimed:.2f} % on average, {right:.2f} % are right.",
                f"Reliability diagram; the calibration error is {100 * mean_gap(reliability):.2f} %.",
            )
        )
        half = curve.risk[(len(curve.risk) - 1) // 2]
        risks.append(f"{name} {100 * curve.risk[-1]:.2f} % and {100 * half:.2f} %")

    def draw(axes) -> None:
        for name, (_, curve) in last:
            plot_risk_coverage(curve, axes, name)

    caption = "Risk and coverage: share of wrong answers where only the surest are given."
    drawings.append(picture(draw, caption, f"Wrong of all answers and of the surer half: {', '.join(risks)}."))
    text = "Dots on the diagonal keep what they promise; below it the model is too sure of itself, above it too modest."
    return [_section("reliability", "Reliability and risk", [text], drawings=drawings)]


def _flips(found: Evaluation, flips: np.ndarray) -> dict[str, Any]:
    """Accuracy against the number of flips, and the margin of the true class."""
    classes, samples = len(found.names), flips.shape[1]
    numbers = [n for n in _NUMBERS if n <= samples // 2]
    shuffles = int(np.clip(_WORK // (flips.size * classes), 1, 20))
    spread = accuracy_by_flips(flips, found.labels, classes, numbers, shuffles=shuffles)
    voted = [row for row in found.rows if row["vote"] in ("majority", "mean")]
    first, last = (voted[place] for place in (0, -1))
    varies = f"; one flip varies by {100 * spread.deviation[0]:.2f} % over the coins" if numbers else ""
    delta = np.sort(margins(flips, found.labels, classes))[::-1]
    drawings = [
        picture(
            lambda axes: _draw_accuracy(axes, found.rows, numbers, spread),
            "Accuracy against the number of flips. Pale: 95 % Wilson interval over the examples.",
            f"{label(first).capitalize()}: {100 * first['accuracy']:.2f} %; {label(last)}: "
            f"{100 * last['accuracy']:.2f} %{varies}.",
        ),
        picture(
            lambda axes: _draw_margins(axes, delta),
            "Margin of the true class: its share of the flips less the largest share of another class, sorted.",
            f"The margin is above 0 on {100 * (delta > 0).mean():.2f} % of the examples; all flips are right on "
            f"{100 * (delta == 1).mean():.2f} %.",
        ),
    ]
    text = (
        f"{samples} flips of each example. The standard deviation over the coins comes from groups of n of these "
        "flips, shuffled; so it is known for n up to half of them."
    )
    return _section("flips", "Accuracy and margin of flips", [text] if numbers else [], drawings=drawings)


def _draw_accuracy(axes, rows: Rows, numbers: list[int], spread: AccuracyByFlips) -> None:
    draw_accuracy(axes, rows)
    if numbers:
        mean, deviation = 100 * np.array(spread.accuracy), 100 * np.array(spread.deviation)
        (line,) = axes.plot(numbers, mean, linewidth=1, color="C3", label="majority, ± 1 sd over coins")
        axes.fill_between(numbers, mean - deviation, mean + deviation, color=line.get_color(), alpha=0.4, linewidth=0)
    axes.set(ylabel="accuracy, %")
    whole_ticks(axes)
    axes.legend(loc="lower right")


def _draw_margins(axes, delta: np.ndarray) -> None:
    places = np.linspace(0, 100, len(delta))
    axes.plot(places, delta)
    axes.fill_between(places, 0, delta, alpha=0.15, linewidth=0)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(ylim=(-1.05, 1.05), xlabel="share of examples, %", ylabel="margin of the true class")


def _needed(found: AdaptiveVote) -> dict[str, Any]:
    """Histogram of the adaptive vote's flips."""
    half, most = np.quantile(found.samples, [0.5, 1], method="inverted_cdf")
    text = [
        "The adaptive vote flips until the leading class of an example is certain. Certified: that class is the mode "
        "of the model's own distribution, whether it is the label or not. Tied: no class leads by the margin. Settled: "
        "the flips that were left could not change the vote. Undecided: none of these."
    ]
    drawn = picture(
        partial(draw_flips_needed, found=found),
        "Flips that the adaptive vote took, by how it ended.",
        f"Half of the examples took {half} flips or fewer, the longest took {most}.",
    )
    return _section("needed", "Flips needed", text, drawings=[drawn])
