"""Tables as aligned text."""

from collections.abc import Sequence
from typing import Any


def aligned(lines: Sequence[Sequence], heads: Sequence[str], style: str = "simple", **options: Any) -> str:
    """Table of cells that are shown as they are.

    Args:
        lines: Cells, line by line.
        heads: Heads of the columns.
        style: Format of the table as tabulate names it.
        options: More of tabulate's options.
    """
    from tabulate import tabulate  # most commands print no table

    # Otherwise tabulate takes a cell like "98.50" for a number and drops its last digit.
    return tabulate(lines, heads, tablefmt=style, disable_numparse=True, **options)
