"""Figures as files that are never left half-written, and their titles."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.files import atomic
from zoo.recipes.reporting.rows import Rows

_SUBJECTS = ("model", "function", "data")  # settings that choose what is measured or learned


def headline(rows: Rows) -> str:
    """Title of an experiment's rows: its name, what is measured or learned, and "smoke" where numbers mean nothing."""
    settings = rows[0]["settings"]
    chosen = [f"type {settings['type']}"] if "type" in settings else []
    chosen += [Path(settings[key]).name for key in _SUBJECTS if key in settings]
    smoke = ["smoke"] if any(row.get("budget") == "smoke" for row in rows) else []
    return ", ".join([rows[0]["recipe"], *chosen, *smoke])


@contextmanager
def figure(path: Path, panels: int = 1, title: str = "", rows: int = 1, **options: Any) -> Iterator[list[Any]]:
    """Open axes to draw on, and write them when the block ends: as an SVG if the file is called so, else as a PNG.

    Axes on which nothing finite was drawn say so.

    Args:
        path: File to write.
        panels: Number of axes in a row.
        title: Title of the whole figure.
        rows: Number of rows of axes.
        options: Further arguments of `matplotlib.pyplot.subplots`.

    Yields:
        The axes, one row after the other.
    """
    import matplotlib  # it is slow to import

    matplotlib.use("Agg")
    from matplotlib import pyplot

    size = {"figsize": (5 * panels, 4 * rows), "layout": "constrained"}
    drawn, axes = pyplot.subplots(rows, panels, squeeze=False, **{**size, **options})
    try:
        yield list(axes.ravel())
        if title:
            drawn.suptitle(title)
        for one in axes.ravel():
            if not math.isfinite(one.dataLim.x0):
                one.text(0.5, 0.5, "nothing to draw", transform=one.transAxes, ha="center", va="center", color="grey")
        with atomic(path) as part:
            drawn.savefig(part, format="svg" if path.suffix == ".svg" else "png", dpi=120)
    finally:
        pyplot.close(drawn)


def whole_ticks(axes) -> None:
    """Write plain numbers 1, 2, 5, 10, ... at a logarithmic axis of flips."""
    from matplotlib import ticker

    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
