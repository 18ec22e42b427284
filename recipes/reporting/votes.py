"""Accuracy and scores of votes: tables and plots as pure functions of result lines."""

from collections.abc import Iterable
from pathlib import Path

from zoo.amplification.election import STATUSES
from zoo.recipes.reporting.figure import figure
from zoo.recipes.reporting.rows import Row, Rows, group_by
from zoo.recipes.reporting.text_table import aligned
from zoo.scores import Reliability, RiskCoverage, plot_reliability, plot_risk_coverage

Measured = Iterable[tuple[Row, tuple[Reliability, RiskCoverage] | None]]  # result lines with what is drawn of them


def vote_table(rows: Rows, style: str = "simple") -> str:
    """Table of accuracies with their Wilson intervals, a line per vote and number of flips; `style` is tabulate's."""
    return aligned(*vote_cells(rows), style)


def vote_cells(rows: Rows) -> tuple[list[tuple], list[str]]:
    """Return the lines of the table of accuracies and the heads of its columns."""
    lines = [
        (label(row), f"{100 * row['accuracy']:.2f}", f"{100 * row['low']:.2f} - {100 * row['high']:.2f}", row["n"])
        for row in rows
    ]
    return lines, ["vote", "accuracy %", "95 % interval", "examples"]


def score_table(rows: Rows, style: str = "simple") -> str:
    """Table of the scores of each vote's distributions, and what a share of no votes is worth; "" for old lines."""
    lines, heads = score_cells(rows)
    return "\n\n".join([aligned(lines, heads, style), *score_notes(rows)]) if lines else ""


def score_cells(rows: Rows) -> tuple[list[tuple], list[str]]:
    """Return the lines of the table of scores, of the rows that have them, and the heads of its columns."""
    lines = [
        (
            label(row),
            "-" if row["nll"] is None else f"{row['nll']:.4f}",
            f"{row['brier']:.4f}",
            f"{100 * row['ece']:.2f}",
            f"{100 * row['aurc']:.2f}",
        )
        for row in rows
        if row.get("brier") is not None
    ]
    return lines, ["vote", "NLL", "Brier", "ECE %", "AURC %"]


def score_notes(rows: Rows) -> list[str]:
    """Return a sentence for each value that a share of no votes has in a likelihood."""
    floors = {f"{row['nll_floor']:g}" for row in rows if row.get("brier") is not None and row["nll_floor"]}
    return [f"NLL of majorities: a share of votes below {floor} counts as {floor}." for floor in sorted(floors)]


def coins_sentence(rows: Rows) -> str:
    """Sentence on how far flips differ, from the row with most flips; "" where no row has more than one."""
    several = [row for row in rows if row["samples"] > 1 and "disagreement" in row]
    if not several:
        return ""
    row = max(several, key=lambda row: row["samples"])
    if not row["disagreement"]:
        agree = f"all {row['samples']} flips of each of {row['n']} images agree."
        dead = row.get("outputs_differ") is False  # earlier rows do not know
        return f"Its coins are dead: {agree}" if dead else agree.capitalize()
    return (
        f"{row['samples']} flips disagree on {100 * row['disagreement']:.2f} % of {row['n']} images; the most frequent "
        f"class has {100 * row['winning_share']:.2f} % of an image's flips on average."
    )


def adaptive_sentence(rows: Rows) -> str:
    """Sentence on the flips that the adaptive vote needed and how it ended; "" where no row is of one."""
    found = [row for row in rows if row["vote"] == "adaptive"]
    if not found:
        return ""
    row = found[-1]
    ends = [f"{100 * row[status]:.2f} % {status}" for status in STATUSES if row[status]]
    right = row["certified_accuracy"]
    right = "" if right is None else f" Of the certified {100 * right:.2f} % are right."
    return (
        f"The adaptive vote took {row['samples']:.1f} flips of an image on average, at most {row['max_samples']}: "
        f"{', '.join(ends)} (error {row['error']:g}, margin {row['margin']:g}).{right}"
    )


def report(rows: Rows) -> str:
    """Table of votes and, under it, that of their scores and the sentences on their flips."""
    parts = (vote_table(rows), score_table(rows), coins_sentence(rows), adaptive_sentence(rows))
    return "\n\n".join(part for part in parts if part)


def plot_accuracy(rows: Rows, path: str | Path, title: str = "") -> None:
    """Draw accuracy against the number of flips with its Wilson band, one line per vote, to a PNG."""
    with figure(Path(path), title=title, figsize=(6, 4)) as (axes,):
        draw_accuracy(axes, rows)


def draw_accuracy(axes, rows: Rows) -> None:
    """Draw accuracy against the number of flips on axes; a vote of one number of flips is a dot with its interval."""
    for vote, some in group_by(rows, "vote").items():
        line = sorted(some, key=lambda row: row["samples"])
        accuracy = [100 * row["accuracy"] for row in line]
        if vote == "expected":
            axes.axhline(accuracy[0], color="grey", linestyle="--", label="coins off")
            continue
        flips = [row["samples"] for row in line]
        low, high = ([100 * row[end] for row in line] for end in ("low", "high"))
        (drawn,) = axes.plot(flips, accuracy, marker="o", markersize=3, label=vote)
        if len(line) == 1:
            axes.vlines(flips, low, high, color=drawn.get_color(), alpha=0.5)
        axes.fill_between(flips, low, high, color=drawn.get_color(), alpha=0.15, linewidth=0)
    axes.set(xscale="log", xlabel="flips", ylabel="test accuracy, % (band: 95 % Wilson interval)")
    axes.legend(loc="lower right")


def plot_scores(measured: Measured, folder: str | Path) -> list[Path]:
    """Draw `reliability.png`, with axes per vote, and `risk_coverage.png`, with a line per vote, into a folder.

    Args:
        measured: Result lines with what is drawn of them, or None; of several lines of a vote the last one is drawn.
        folder: Folder, which is made if it is not there.

    Returns:
        The paths of both files.
    """
    last = last_of_votes(measured)
    paths = [Path(folder) / name for name in ("reliability.png", "risk_coverage.png")]
    with figure(paths[0], panels=max(len(last), 1)) as axes:
        for one, (name, (reliability, _)) in zip(axes, last, strict=False):
            plot_reliability(reliability, one)
            one.set_title(name)
    with figure(paths[1], figsize=(6, 4)) as (one,):
        for name, (_, curve) in last:
            plot_risk_coverage(curve, one, name)
    return paths


def last_of_votes(measured: Measured) -> list[tuple[str, tuple[Reliability, RiskCoverage]]]:
    """Return the label and the curves of each vote's last line that has curves."""
    return list({row["vote"]: (label(row), curves) for row, curves in measured if curves}.values())


def label(row: Row) -> str:
    """Name of a line's vote and its flips."""
    if row["vote"] == "adaptive":
        return f"adaptive, {row['samples']:.1f} flips"
    if row["vote"] in ("expected", "none"):
        return "coins off" if row["vote"] == "expected" else "no vote"
    if row["samples"] == 1:
        return "one flip" if row["vote"] == "majority" else "one flip (mean)"
    return f"{row['vote']} of {row['samples']}"
