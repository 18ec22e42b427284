"""Table and figure of an experiment that sweeps one number, as pure functions of its rows."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from zoo.recipes.reporting.figure import figure, headline, name_y
from zoo.recipes.reporting.markdown import table, write
from zoo.recipes.reporting.mean_and_deviation import deviation, with_deviation
from zoo.recipes.reporting.rows import Rows, group_by
from zoo.recipes.reporting.style import graded

Points = dict[str, dict[float | None, list[float]]]  # series -> swept value -> a number per repetition

_DIVERGED = "a training diverged"
_NO_NAMES: Mapping[str, str] = MappingProxyType({})
_MANY = 30  # a table with more lines shows the round values only
_ROUND = ("1.000000e", "2.000000e", "5.000000e")
_INSIDE = 7  # with more series the legend stands below the axes
_GRADED = 5  # so many numbers in a legend have colours from dark to pale
_COLUMNS, _LEGEND = 4, 0.6  # columns and inches of a legend below
_WIDE = 32  # letters of a label that fit beside axes
_MARKERS = "osD^v<>pP*"
_LINES = ("-", "--", ":", "-.")


def write_report(
    rows: Rows,
    out: Path,
    *,
    sweep: str,
    measure: str,
    series: Sequence[str] = ("method",),
    log: str = "",
    panels: str | None = None,
    names: Mapping[str, str] = _NO_NAMES,
) -> None:
    """Write `table.md` and `figure.png`. The arguments are those of `plot_sweep`."""
    tables = [
        (f"## {title}\n\n" if title else "") + sweep_table(part, sweep, measure, series)
        for title, part in _panels(rows, panels).items()
    ]
    write(out / "table.md", *tables)
    plot_sweep(
        rows, out / "figure.png", sweep=sweep, measure=measure, series=series, log=log, panels=panels, names=names
    )


def sweep_table(rows: Rows, sweep: str, measure: str, series: Sequence[str] = ("method",)) -> str:
    """Mean and standard deviation over repetitions, a line per swept value and a column per series, in Markdown.

    Args:
        rows: Result lines of one experiment. A row whose `sweep` is None holds for every value; it has its own line.
        sweep: Key of the swept value. If `measure` holds lists, a name for their positions, counted from 1.
        measure: Key of a number or a list of numbers. None, a training that diverged, is counted and not averaged.
        series: Keys that together tell one series from another.
    """
    points = _points(rows, sweep, measure, series)
    values = _shown({value for line in points.values() for value in line})
    lines = [["any" if v is None else f"{v:.4g}", *(_cell(line.get(v)) for line in points.values())] for v in values]
    counts = sorted({len(numbers) for line in points.values() for numbers in line.values()})
    runs = " to ".join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))
    caption = f"{headline(rows)}: {measure}, mean ± standard deviation over repetitions ({runs})"
    return table(caption, lines, [sweep, *points])


def plot_sweep(
    rows: Rows,
    path: Path,
    *,
    sweep: str,
    measure: str,
    series: Sequence[str] = ("method",),
    log: str = "",
    panels: str | None = None,
    names: Mapping[str, str] = _NO_NAMES,
) -> None:
    """Draw the means of every series, with a band of one standard deviation, to a PNG.

    A single swept value is drawn as one mark per series, side by side. With two keys of series, the second chooses the
    colour and the first the line. A grey dashed line is the best constant. A cross on the upper edge marks trainings
    that diverged; mean and band are those of the others.

    See `sweep_table` for `rows`, `sweep`, `measure` and `series`. `log` names the logarithmic axes: "", "x", "y" or
    "xy". If `panels` is a key, each of its values has its own axes. `names` has words with units for keys on axes.
    """
    parts = _panels(rows, panels)
    points = {title: _points(part, sweep, measure, series) for title, part in parts.items()}
    lines = [line for part in points.values() for line in part.values()]
    swept = {value for line in lines for value in line}
    styles = _styles(list(dict.fromkeys(tuple(row[key] for key in series) for row in rows)))
    below = len(parts) > 1 or (len(styles) > _INSIDE and len(swept) > 1)
    with figure(path, len(parts), headline(rows), below=_LEGEND * below, sharey=True) as all_axes:
        for axes, (title, part) in zip(all_axes, parts.items(), strict=True):
            draw = _draw_line if len(swept) > 1 else _draw_mark
            for label, line in points[title].items():
                draw(axes, label, line, styles[label])
            constants = [row["baseline"] for row in part if row.get("baseline") is not None]
            if constants:
                axes.axhline(float(np.mean(constants)), color="grey", linestyle="--", label="best constant")
            axes.set(title=title, yscale="log" if "y" in log else "linear")
            _name_x(axes, swept, sweep=sweep, name=names.get(sweep, sweep), series=series, log=log)
        repeated = any(len(_finite(numbers)) > 1 for line in lines for numbers in line.values())
        spread = f" ({'band' if len(swept) > 1 else 'bar'}: standard deviation)" if repeated else ""
        named = names.get(measure, measure)
        name_y(all_axes, f"{named}{spread}" if len(named + spread) <= _WIDE else f"{named}\n{spread.strip()}")
        _add_legend(all_axes, ", ".join(series), below)


def _name_x(axes, swept: set[float | None], *, sweep: str, name: str, series: Sequence[str], log: str) -> None:
    if len(swept) == 1:
        at = "" if None in swept else f" ({sweep} {next(iter(swept)):g})"
        axes.set_xlabel(", ".join(series) + at)
        axes.margins(x=0.2)
        return
    axes.set(xlabel=name, xscale="log" if "x" in log else "linear")
    if "x" not in log:
        axes.xaxis.get_major_locator().set_params(integer=True)


def _add_legend(all_axes: Sequence, title: str, below: bool) -> None:
    """Add a legend of the lines of all panels, unless there is only one."""
    axes, found = all_axes[0], {}
    for one in all_axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    handles, labels = list(found.values()), list(found)
    if labels == ["best constant"]:
        axes.legend()
    elif below:
        axes.figure.legend(handles, labels, title=title, loc="outside lower center", ncols=_COLUMNS)
    elif len(labels) > 1:
        axes.legend(title=title)


def _styles(keys: Sequence[tuple]) -> dict[str, dict[str, Any]]:
    """Label of a series -> its colour, line and marker."""
    lasts, firsts = (list(dict.fromkeys(part)) for part in ([key[-1] for key in keys], [key[:-1] for key in keys]))
    colors = [f"C{place}" for place in range(len(lasts))]
    if len(lasts) >= _GRADED and all(isinstance(value, int | float) for value in lasts):
        by_value = dict(zip(sorted(lasts), graded(len(lasts)), strict=True))
        colors = [by_value[value] for value in lasts]
    styles = {}
    for number, key in enumerate(keys):
        other = firsts.index(key[:-1])
        marker = _MARKERS[(other if len(firsts) > 1 else number) % len(_MARKERS)]
        styles[_label(key)] = {
            "color": colors[lasts.index(key[-1])],
            "linestyle": _LINES[other % len(_LINES)],
            "marker": marker,
        }
    return styles


def _label(key: Sequence) -> str:
    return ", ".join(map(str, key))


def _draw_mark(axes, label: str, line: dict[float | None, list[float]], style: dict[str, Any]) -> None:
    (numbers,) = line.values()
    kept = _finite(numbers)
    spread = deviation(kept) if len(kept) > 1 else None
    # A series without a number keeps its place on the axis.
    mean = float(np.mean(kept)) if kept else math.nan
    axes.errorbar([label], [mean], spread, color=style["color"], marker=style["marker"], markersize=6, capsize=3)
    _cross(axes, [label] if len(kept) < len(numbers) else [], style)


def _draw_line(axes, label: str, line: dict[float | None, list[float]], style: dict[str, Any]) -> None:
    always = _finite(line.get(None, []))
    values = sorted(value for value in line if value is not None and _finite(line[value]))
    kept = [_finite(line[value]) for value in values]
    mean = np.array([np.mean(numbers) for numbers in kept])
    spread = np.array([deviation(numbers) for numbers in kept])
    options = {**style, "marker": style["marker"] if len(values) <= _MANY else None}
    # Hollow markers do not hide the lines beneath them.
    axes.plot(values, mean, **options, markersize=4.5, markerfacecolor="none", linewidth=1.2, label=label)
    if spread.any():
        axes.fill_between(values, mean - spread, mean + spread, color=style["color"], alpha=0.15, linewidth=0)
    if always:
        axes.axhline(float(np.mean(always)), color=style["color"])
    _cross(
        axes,
        [value for value, numbers in line.items() if value is not None and len(_finite(numbers)) < len(numbers)],
        style,
    )


def _cross(axes, where: list, style: dict[str, Any]) -> None:
    """Draw crosses on the upper edge, whatever the scale of the measure; the legend names the first."""
    label = _DIVERGED if where and _DIVERGED not in axes.get_legend_handles_labels()[1] else None
    edge = {"transform": axes.get_xaxis_transform(), "clip_on": False, "in_layout": False}
    axes.plot(where, [1] * len(where), "x", color=style["color"], label=label, **edge)


def _panels(rows: Rows, key: str | None) -> dict[str, Rows]:
    """Title -> rows; without a key, all rows under an empty title."""
    if key is None:
        return {"": rows}
    return {f"{key} {value}": part for value, part in group_by(rows, key).items()}


def _points(rows: Rows, sweep: str, measure: str, series: Sequence[str]) -> Points:
    points: Points = {}
    for row in rows:
        line = points.setdefault(_label([row[key] for key in series]), {})
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
    return ", ".join(part for part in (with_deviation(kept) if kept else "", lost) if part)


def _finite(numbers: list[float]) -> list[float]:
    return [number for number in numbers if math.isfinite(number)]
