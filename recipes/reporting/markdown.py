"""Tables in Markdown, with what they show in a line above."""

from collections.abc import Sequence
from pathlib import Path

from zoo.files import atomic
from zoo.recipes.reporting.text_table import aligned


def table(caption: str, lines: Sequence[Sequence], heads: Sequence[str]) -> str:
    """A table; what is no text yet is shown as it is, but floats with four digits."""
    cells = [[f"{cell:.4g}" if isinstance(cell, float) else cell for cell in line] for line in lines]
    return f"{caption}\n\n{aligned(cells, heads, 'github')}"


def write(path: Path, *paragraphs: str) -> None:
    """Write a file that is either whole or as it was."""
    with atomic(path) as part:
        part.write_text("\n\n".join(paragraphs) + "\n")
