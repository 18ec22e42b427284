"""Versions that rows were measured with: a line for the table where they are not all the same."""

from collections import Counter
from collections.abc import Sequence
from typing import Any


def version_note(rows: Sequence[dict[str, Any]]) -> str:
    """One line that names every package whose rows are of several versions, and how many; "" if there is none.

    A row has the versions of its measurement under `versions`, and those of its training under `run_versions` where it
    was taken over from a finished run.
    """
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        own = row.get("versions") or {}
        for package in own:
            used = {own[package], (row.get("run_versions") or own).get(package, own[package])}
            counts.setdefault(package, Counter()).update(sorted(used))
    mixed = [
        f"{package} {', '.join(f'{version} ({n})' for version, n in found.items())}"
        for package, found in counts.items()
        if len(found) > 1
    ]
    return f"Rows of several versions, which may differ in more than chance: {'; '.join(mixed)}." if mixed else ""
