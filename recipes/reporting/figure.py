"""Figures as files that are never left half-written, and their titles."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.files import atomic
from zoo.layers.arguments import one_of
from zoo.recipes.reporting.rows import Rows
from zoo.recipes.reporting.style import STYLES

_COLUMNS = 2
_WIDTHS = {1: 5.6, 2: 7.2}  # inches, by panels in a row; text is still read where a figure is 400 pixels wide
_SUBJECTS = ("model", "function", "data")  # settings that choose what is measured or learned


def headline(rows: Rows) -> str:
    """Title of an experiment's rows: its name, what is measured or learned, and "smoke" where numbers mean nothing."""
    settings = rows[0]["settings"]
    chosen = [f"type {settings['type']}"] if "type" in settings else []
    chosen += [Path(settings[key]).name for key in _SUBJECTS if key in settings]
    smoke = ["smoke"] if any(row.get("budget") == "smoke" for row in rows) else []
    return ", ".join([rows[0]["recipe"], *chosen, *smoke])


@contextmanager
def figure(
    path: Path,
    panels: int = 1,
    title: str = "",
    rows: int = 1,
    style: str = "paper",
    below: float = 0.0,
    **options: Any,
) -> Iterator[list[Any]]:
    """Open axes to draw on, and write them when the block ends: as an SVG if the file is called so, else as a PNG.

    More than two panels of a single row are laid out in rows of two: text is then read where a figure is narrow.
    Axes on which nothing finite was drawn say so.

    Args:
        path: File to write.
        panels: Number of axes in a row.
        title: Title of the whole figure.
        rows: Number of rows of axes.
        style: Name of a look in `zoo.recipes.reporting.style`.
        below: Inches more, for a legend below the axes.
        options: Further arguments of `matplotlib.pyplot.subplots`.

    Yields:
        The axes, one row after the other.

    Raises:
        ValueError: If there is no look of that name.
    """
    look = STYLES[one_of("style", style, tuple(STYLES))]
    import matplotlib  # it is slow to import

    matplotlib.use("Agg")
    from matplotlib import pyplot

    count = panels * rows
    if rows == 1 and panels > _COLUMNS:
        rows, panels = math.ceil(panels / _COLUMNS), _COLUMNS
    size = {"figsize": (_WIDTHS.get(panels, 3 * panels), 0.4 + 3.2 * rows + below)}
    with matplotlib.rc_context(look):
        drawn, grid = pyplot.subplots(rows, panels, squeeze=False, **{**size, **options})
        axes, left = grid.ravel()[:count], grid.ravel()[count:]
        for one in left:
            one.remove()
        try:
            yield list(axes)
            if title:
                drawn.suptitle(title)
            for one in axes:
                if not math.isfinite(one.dataLim.x0):
                    one.text(
                        0.5, 0.5, "nothing to draw", transform=one.transAxes, ha="center", va="center", color="grey"
                    )
            with atomic(path) as part:
                drawn.savefig(part, format="svg" if path.suffix == ".svg" else "png", dpi=120)
                if path.suffix != ".svg":
                    _palette(part)
        finally:
            pyplot.close(drawn)


def _palette(file: Path) -> None:
    """Write a PNG file anew with 256 colours: a third of its size, and no difference that is seen in a drawing."""
    from PIL import Image  # matplotlib has imported it

    with Image.open(file) as image:
        # Pillow's default adds a pattern of dots where a colour is missing.
        few = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(file, "PNG", optimize=True)


def name_y(axes: Sequence[Any], label: str) -> None:
    """Name the y axis of those of a figure's axes that stand on its left."""
    for one in axes:
        if one.get_subplotspec().is_first_col():
            one.set_ylabel(label)


def whole_ticks(axes) -> None:
    """Write plain numbers 1, 2, 5, 10, ... at a logarithmic axis of flips."""
    from matplotlib import ticker

    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
