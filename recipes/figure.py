"""A figure as a file that is either whole or as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.pretrained import atomic


@contextmanager
def figure(path: Path, panels: int = 1, title: str = "", rows: int = 1, **options: Any) -> Iterator[list[Any]]:
    """Axes to draw to; they are written as a PNG when the block ends.

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
        with atomic(path) as part:
            drawn.savefig(part, format="png", dpi=120)
    finally:
        pyplot.close(drawn)
