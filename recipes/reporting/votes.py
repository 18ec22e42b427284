"""Accuracy of votes: tables and plots as pure functions of result lines."""

from pathlib import Path

from zoo.recipes.reporting.figure import figure
from zoo.recipes.reporting.rows import Row, Rows, group_by
from zoo.recipes.reporting.text_table import aligned


def vote_table(rows: Rows, style: str = "simple") -> str:
    """Table of accuracies with their Wilson intervals, a line per vote and number of flips; `style` is tabulate's."""
    lines = [
        (_label(row), f"{100 * row['accuracy']:.2f}", f"{100 * row['low']:.2f} - {100 * row['high']:.2f}", row["n"])
        for row in rows
    ]
    return aligned(lines, ["vote", "accuracy %", "95 % interval", "examples"], style)


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
    """Table of votes and, under it, the sentence on how far flips differ."""
    return "\n\n".join(part for part in (vote_table(rows), coins_sentence(rows)) if part)


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


def _label(row: Row) -> str:
    if row["vote"] in ("expected", "none"):
        return "coins off" if row["vote"] == "expected" else "no vote"
    if row["samples"] == 1:
        return "one flip" if row["vote"] == "majority" else "one flip (mean)"
    return f"{row['vote']} of {row['samples']}"
