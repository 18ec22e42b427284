"""Versions of the packages that rows were measured with: a line for the table where they differ."""

from collections import Counter

from zoo.recipes.reporting.rows import Rows


def version_note(rows: Rows) -> str:
    """Line that names every package with rows of several versions, and the rows of each; "" if there is none.

    A row has the versions of its measurement under `versions`. One that was taken over from a finished run has those of
    its training under `run_versions`.
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
