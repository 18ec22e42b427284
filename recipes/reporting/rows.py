"""Rows of results as dicts, and groups of them."""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

Row = dict[str, Any]
Rows = Sequence[Row]


def group_by(rows: Iterable[Row], *keys: str) -> dict[Any, list[Row]]:
    """Group rows by their values of some keys, in the order of each group's first row.

    Returns:
        Value -> rows; with several keys, tuple of values -> rows.
    """
    value = itemgetter(*keys)
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(value(row), []).append(row)
    return groups
