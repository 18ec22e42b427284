"""Drawings that lie inside a page, for light and for dark screens."""

import base64
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from zoo.recipes.reporting.figure import figure

_INK = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
_LIGHT = {
    **dict.fromkeys(_INK, "#23262b"),
    "axes.prop_cycle": "cycler('color', ['#2a6fb0', '#c9741a', '#3d8f52', '#bf4340', '#7455b3', '#8a5f46'])",
    "legend.facecolor": "#fdfdfb",
    "legend.edgecolor": "#dcdcd5",
}
_DARK = {
    **dict.fromkeys(_INK, "#d5d7db"),
    "axes.prop_cycle": "cycler('color', ['#7db8f0', '#f2b366', '#84cf95', '#f08a86', '#bda5f0', '#d1a58c'])",
    "legend.facecolor": "#16181c",
    "legend.edgecolor": "#343840",
}
_BOTH = {
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "legend.fontsize": 9,
    "svg.hashsalt": "page",  # the same drawing has the same bytes
}
_SIZE = (4.4, 3.5)  # inches: text of 10 points is still read on a phone


class Picture(NamedTuple):
    """A drawing as URIs that hold its SVG, what it shows and what one sees in it.

    Attributes:
        light: URI of the drawing on light ground.
        dark: URI of the drawing on dark ground.
        caption: What is drawn.
        finding: What one sees in it, for those who do not see it.
    """

    light: str
    dark: str
    caption: str
    finding: str


def picture(draw: Callable[[Any], Any], caption: str, finding: str) -> Picture:
    """Call a function of axes twice, for light and for dark screens."""
    import matplotlib  # it is slow to import

    drawn: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, colours in (("light", _LIGHT), ("dark", _DARK)):
            path = Path(folder) / f"{name}.svg"
            style: dict[Any, Any] = {**_BOTH, **colours}
            with matplotlib.rc_context(style), figure(path, figsize=_SIZE) as (axes,):
                draw(axes)
            drawn[name] = data_uri(path.read_bytes(), "image/svg+xml")
    return Picture(drawn["light"], drawn["dark"], caption, finding)


def data_uri(content: bytes, kind: str) -> str:
    """Return a URI that holds a file of a media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
