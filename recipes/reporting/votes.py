"""Accuracy and scores of votes: tables and plots as pure functions of result lines."""

from collections.abc import Iterable
from pathlib import Path

from zoo.recipes.reporting.figure import figure
from zoo.recipes.reporting.rows import Row, Rows, group_by
from zoo.recipes.reporting.text_table import aligned
from zoo.scores import Reliability, RiskCoverage, plot_reliability, plot_risk_coverage


def vote_table(rows: Rows, style: str = "simple") -> str:
    """Table of accuracies with their Wilson intervals, a line per vote and number of flips; `style` is tabulate's."""
    lines = [
        (_label(row), f"{100 * row['accuracy']:.2f}", f"{100 * row['low']:.2f} - {100 * row['high']:.2f}", row["n"])
        for row in rows
    ]
    return aligned(lines, ["vote", "accuracy %", "95 % interval", "examples"], style)


def score_table(rows: Rows, style: str = "simple") -> str:
    """Table of the scores of each vote's distributions, and what a share of no votes is worth; "" for old lines."""
    scored = [row for row in rows if row.get("brier") is not None]
    if not scored:
        return ""
    lines = [
        (
            _label(row),
            "-" if row["nll"] is None else f"{row['nll']:.4f}",
            f"{row['brier']:.4f}",
            f"{100 * row['ece']:.2f}",
            f"{100 * row['aurc']:.2f}",
        )
        for row in scored
    ]
    table = aligned(lines, ["vote", "NLL", "Brier", "ECE %", "AURC %"], style)
    floors = {f"{row['nll_floor']:g}" for row in scored if row["nll_floor"]}
    notes = [f"NLL of majorities: a share of votes below {floor} counts as {floor}." for floor in sorted(floors)]
    return "\n\n".join([table, *notes])


def coins_sentence(rows: Rows) -> str:
    """Sentence on how far flips differ, from the row with most flips; "" where no row has more than one."""
    several = [row for row in rows if row["samples"] > 1 and "disagreement" in row]
    if not several:
        return ""
    row = max(several, key=lambda row: row["samples"])
    if not row["disagreement"]:
        return f"Its coins are dead: all {row['samples']} flips of each of {row['n']} images agree."
    return (
        f"{row['samples']} flips disagree on {100 * row['disagreement']:.2f} % of {row['n']} images; the most frequent "
        f"class has {100 * row['winning_share']:.2f} % of an image's flips on average."
    )


def report(rows: Rows) -> str:
    """Table of votes and, under it, that of their scores and the sentence on how far flips differ."""
    return "\n\n".join(part for part in (vote_table(rows), score_table(rows), coins_sentence(rows)) if part)


def plot_accuracy(rows: Rows, path: str | Path, title: str = "") -> None:
    """Draw accuracy against the number of flips with its Wilson band, one line per vote, to a PNG."""
    with figure(Path(path), title=title, figsize=(6, 4)) as (axes,):
        for vote, some in group_by(rows, "vote").items():
            line = sorted(some, key=lambda row: row["samples"])
            accuracy = [100 * row["accuracy"] for row in line]
            if vote == "expected":
                axes.axhline(accuracy[0], color="grey", linestyle="--", label="coins off")
                continue
            flips = [row["samples"] for row in line]
            (drawn,) = axes.plot(flips, accuracy, marker="o", markersize=3, label=vote)
            low, high = ([100 * row[end] for row in line] for end in ("low", "high"))
            axes.fill_between(flips, low, high, color=drawn.get_color(), alpha=0.15, linewidth=0)
        axes.set(xscale="log", xlabel="flips", ylabel="test accuracy, % (band: 95 % Wilson interval)")
        axes.legend(loc="lower right")


def plot_scores(
    measured: Iterable[tuple[Row, tuple[Reliability, RiskCoverage] | None]], folder: str | Path
) -> list[Path]:
    """Draw `reliability.png`, with axes per vote, and `risk_coverage.png`, with a line per vote, into a folder.

    Args:
        measured: Result lines with what is drawn of them, or None; of several lines of a vote the last one is drawn.
        folder: Folder, which is made if it is not there.

    Returns:
        The paths of both files.
    """
    last = {row["vote"]: (_label(row), curves) for row, curves in measured if curves}.values()
    paths = [Path(folder) / name for name in ("reliability.png", "risk_coverage.png")]
    with figure(paths[0], panels=max(len(last), 1)) as axes:
        for one, (label, (reliability, _)) in zip(axes, last, strict=False):
            plot_reliability(reliability, one)
            one.set_title(label)
    with figure(paths[1], figsize=(6, 4)) as (one,):
        for label, (_, curve) in last:
            plot_risk_coverage(curve, one, label)
    return paths


def _label(row: Row) -> str:
    if row["vote"] in ("expected", "none"):
        return "coins off" if row["vote"] == "expected" else "no vote"
    if row["samples"] == 1:
        return "one flip" if row["vote"] == "majority" else "one flip (mean)"
    return f"{row['vote']} of {row['samples']}"
