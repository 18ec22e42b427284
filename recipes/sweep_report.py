"""Table and figure of an experiment that sweeps one number, as pure functions of its rows."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recipes.figure import figure
from recipes.markdown import table, write

Rows = Sequence[dict[str, Any]]
Points = dict[str, dict[float | None, list[float]]]  # series -> swept value -> a number per repetition

_MANY = 30  # lines of a table, from which on only the round ones are shown
_ROUND = ("1.000000e", "2.000000e", "5.000000e")


def write_report(
    rows: Rows,
    out: Path,
    *,
    sweep: str,
    measure: str,
    series: Sequence[str] = ("method",),
    log: str = "",
    panels: str | None = None,
) -> None:
    """Write `table.md` and `figure.png`, one line per series; the arguments are those of `plot_sweep`."""
    tables = [
        (f"## {title}\n\n" if title else "") + sweep_table(part, sweep, measure, series)
        for title, part in _panels(rows, panels).items()
    ]
    write(out / "table.md", *tables)
    plot_sweep(rows, out / "figure.png", sweep, measure, series, log=log, panels=panels)


def sweep_table(rows: Rows, sweep: str, measure: str, series: Sequence[str] = ("method",)) -> str:
    """Mean and standard deviation over repetitions, a line per swept value and a column per series, in Markdown.

    Args:
        rows: Result lines of one experiment. One whose `sweep` is None holds for every value and has a line of its own.
        sweep: Key of what is swept. If `measure` holds lists, a name for their positions, counted from 1.
        measure: Key of a number, or of a list of numbers; None is a training that diverged, counted and not averaged.
        series: Keys that together tell one series from another.
    """
    points = _points(rows, sweep, measure, series)
    values = _shown({value for line in points.values() for value in line})
    lines = [["any" if v is None else f"{v:.4g}", *(_cell(line.get(v)) for line in points.values())] for v in values]
    counts = sorted({len(numbers) for line in points.values() for numbers in line.values()})
    runs = " to ".join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))
    caption = f"{_title(rows)}: {measure}, mean ± standard deviation over repetitions ({runs})"
    return table(caption, lines, [sweep, *points])


def plot_sweep(
    rows: Rows,
    path: Path,
    sweep: str,
    measure: str,
    series: Sequence[str] = ("method",),
    *,
    log: str = "",
    panels: str | None = None,
) -> None:
    """Draw the means and a band of one standard deviation to a PNG; grey and dashed what a constant would have.

    A cross on the upper edge: there trainings diverged, and mean and band are those of the others.

    Args:
        rows: As in `sweep_table`.
        path: File to write.
        sweep: As in `sweep_table`.
        measure: As in `sweep_table`.
        series: As in `sweep_table`.
        log: Axes that are logarithmic: "", "x", "y" or "xy".
        panels: Key of whose values each has axes of its own, or None.
    """
    parts = _panels(rows, panels)
    size = {"figsize": (6 if len(parts) == 1 else 3.6 * len(parts), 4), "sharey": True}
    with figure(path, len(parts), _title(rows), **size) as all_axes:
        for axes, (title, part) in zip(all_axes, parts.items(), strict=True):
            for label, line in _points(part, sweep, measure, series).items():
                _draw(axes, label, line)
            constants = [row["baseline"] for row in part if row.get("baseline") is not None]
            if constants:
                axes.axhline(float(np.mean(constants)), color="grey", linestyle="--", label="best constant")
            axes.set(xlabel=sweep, title=title)
            axes.set(xscale="log" if "x" in log else "linear", yscale="log" if "y" in log else "linear")
            if "x" not in log:
                axes.xaxis.get_major_locator().set_params(integer=True)
        first = all_axes[0]
        first.set(ylabel=f"{measure} (band: standard deviation)")
        if len(parts) > 1:
            named = first.get_legend_handles_labels()
            first.figure.legend(*named, title=", ".join(series), loc="outside right center")
        else:
            first.legend()


def _draw(axes, label: str, line: dict[float | None, list[float]]) -> None:
    always = _finite(line.get(None, []))
    values = sorted(value for value in line if value is not None and _finite(line[value]))
    kept = [np.array(_finite(line[value])) for value in values]
    mean = np.array([numbers.mean() for numbers in kept])
    spread = np.array([numbers.std(ddof=1) if len(numbers) > 1 else 0.0 for numbers in kept])
    (drawn,) = axes.plot(values, mean, marker="o", markersize=3, label=label)
    axes.fill_between(values, mean - spread, mean + spread, color=drawn.get_color(), alpha=0.15, linewidth=0)
    if always:
        axes.axhline(float(np.mean(always)), color=drawn.get_color())
    lost = [value for value, numbers in line.items() if value is not None and len(_finite(numbers)) < len(numbers)]
    # On the upper edge, whatever the scale of the measure.
    edge = {"transform": axes.get_xaxis_transform(), "clip_on": False, "in_layout": False}
    axes.plot(lost, [1] * len(lost), "x", color=drawn.get_color(), **edge)


def _panels(rows: Rows, key: str | None) -> dict[str, Rows]:
    """Title -> rows; without a key all rows, untitled."""
    if key is None:
        return {"": rows}
    values = dict.fromkeys(row[key] for row in rows)
    return {f"{key} {value}": [row for row in rows if row[key] == value] for value in values}


def _points(rows: Rows, sweep: str, measure: str, series: Sequence[str]) -> Points:
    points: Points = {}
    for row in rows:
        line = points.setdefault(", ".join(str(row[key]) for key in series), {})
        found = row[measure]
        pairs = enumerate(found, 1) if isinstance(found, list) else [(row[sweep], found)]
        for value, number in pairs:
            line.setdefault(value, []).append(math.nan if number is None else number)
    return points


def _shown(values: set[float | None]) -> list[float | None]:
    numbers = sorted(value for value in values if value is not None)
    if len(numbers) > _MANY:
        numbers = [n for n in numbers if n == numbers[-1] or f"{n:e}".startswith(_ROUND)]
    return [*numbers, *([None] if None in values else [])]


def _cell(numbers: list[float] | None) -> str:
    if not numbers:
        return ""
    kept = _finite(numbers)
    lost = f"{len(numbers) - len(kept)} of {len(numbers)} diverged" if len(kept) < len(numbers) else ""
    spread = f" ± {np.std(kept, ddof=1):.2g}" if len(kept) > 1 else ""
    return ", ".join(part for part in (f"{np.mean(kept):.4g}{spread}" if kept else "", lost) if part)


def _finite(numbers: list[float]) -> list[float]:
    return [number for number in numbers if math.isfinite(number)]


def _title(rows: Rows) -> str:
    """The experiment and what the settings choose to be learned."""
    settings = rows[0]["settings"]
    chosen = [f"type {settings['type']}"] if "type" in settings else []
    return ", ".join([rows[0]["recipe"], *chosen, *([Path(settings["data"]).name] if "data" in settings else [])])
