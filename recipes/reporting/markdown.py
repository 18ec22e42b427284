"""Tables in Markdown, each below its caption."""

from collections.abc import Sequence
from pathlib import Path

from zoo.files import write_bytes
from zoo.recipes.reporting.text_table import aligned


def table(caption: str, lines: Sequence[Sequence], heads: Sequence[str]) -> str:
    """Markdown of a caption and a table. Floats are shown with four digits, other cells as they are."""
    cells = [[f"{cell:.4g}" if isinstance(cell, float) else cell for cell in line] for line in lines]
    return f"{caption}\n\n{aligned(cells, heads, 'github')}"


def write(path: Path, *paragraphs: str) -> None:
    """Write paragraphs to a file, which is never left half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, ("\n\n".join(paragraphs) + "\n").encode())
