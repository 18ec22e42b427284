"""Names of several results, of which two may be the same layer's."""

from collections.abc import Iterable


def distinct_names(names: Iterable[str]) -> list[str]:
    """Return the names as they are; if two are the same, each with its place: `a_0`, `b_1`, `a_2`."""
    names = list(names)
    return names if len(set(names)) == len(names) else [f"{name}_{index}" for index, name in enumerate(names)]
