"""A figure as a file that is either whole or as it was, and what its title says."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.files import atomic

_SUBJECTS = ("model", "function", "data")  # settings that choose what is measured or learned


def headline(rows: Sequence[dict[str, Any]]) -> str:
    """The experiment, what its settings choose to be learned, and "smoke" where the numbers mean nothing."""
    settings = rows[0]["settings"]
    chosen = [f"type {settings['type']}"] if "type" in settings else []
    chosen += [Path(settings[key]).name for key in _SUBJECTS if key in settings]
    smoke = ["smoke"] if any(row.get("budget") == "smoke" for row in rows) else []
    return ", ".join([rows[0]["recipe"], *chosen, *smoke])


@contextmanager
def figure(path: Path, panels: int = 1, title: str = "", rows: int = 1, **options: Any) -> Iterator[list[Any]]:
    """Axes to draw to; they are written as a PNG when the block ends.

    Axes to which nothing finite was drawn say so.

    Args:
        path: File to write.
        panels: Number of axes in a row.
        title: Of the whole figure.
        rows: Rows of axes, which are given one row after the other.
        options: Of `matplotlib.pyplot.subplots`.
    """
    import matplotlib

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
            drawn.savefig(part, format="png", dpi=120)
    finally:
        pyplot.close(drawn)
