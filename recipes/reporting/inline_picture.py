"""Drawings that lie inside a page, for light and for dark screens."""

import base64
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from zoo.recipes.reporting.figure import figure

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
    drawn: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("light", "dark"):
            path = Path(folder) / f"{name}.svg"
            with figure(path, style=name, figsize=_SIZE) as (axes,):
                draw(axes)
            drawn[name] = data_uri(path.read_bytes(), "image/svg+xml")
    return Picture(drawn["light"], drawn["dark"], caption, finding)


def data_uri(content: bytes, kind: str) -> str:
    """Return a URI that holds a file of a media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
