"""Names of classes: given or found, and the numbers of labels that are texts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def check_class_names(class_names: Any) -> tuple[str, ...] | None:
    """Return names as a tuple, or None; raise a `ValueError` unless they are different texts."""
    if class_names is None:
        return None
    names = tuple(class_names) if isinstance(class_names, list | tuple | np.ndarray) else ()
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError(f"`class_names` must be None or different texts. Received: class_names={class_names!r}")
    return tuple(map(str, names))


def names_or_numbers(names: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    """Return names of classes; those of classes that are numbers only are their numbers."""
    return tuple(map(str, range(classes))) if names is None else tuple(names)


def check_range(y: np.ndarray, names: tuple[str, ...] | None) -> None:
    """Raise a `ValueError` if a label is none of as many classes as there are names."""
    if names is not None and len(y) and y.max() >= len(names):
        raise ValueError(
            f"`class_names` must have a name for every label, from 0 to {y.max()}. Received: {len(names)} names"
        )


def are_numbers(labels: Sequence[str], names: tuple[str, ...] | None) -> bool:
    """Return whether all of the texts are numbers as Python writes them, and none is the name of a class."""
    written = all(label.isascii() and label.isdigit() and (label == "0" or label[0] != "0") for label in labels)
    return written and not set(labels) & set(names or ())


def numbered(
    labels: Sequence[str], names: tuple[str, ...] | None, where: Callable[[int], str]
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Return labels that are texts as numbers, and the names of the classes.

    Labels that `are_numbers` stay these numbers; others are numbered in the order of `names`, by default their own,
    sorted.

    Args:
        labels: A text per example.
        names: Names of the classes, or None.
        where: Function of an example's index that says where its label is written.

    Raises:
        ValueError: If a label is none of `names`.
    """
    if are_numbers(labels, names):
        y = np.array([int(label) if len(label) < 19 else -1 for label in labels], np.int64)
        if (y < 0).any():
            raise ValueError(f"{where(int(y.argmin()))} must be below 10**18. Received: {labels[int(y.argmin())]!r}")
        return y, names
    names = names or tuple(sorted(set(labels)))
    numbers = {name: number for number, name in enumerate(names)}
    for index, label in enumerate(labels):
        if label not in numbers:
            known = ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
            raise ValueError(f"{where(index)} must be one of class_names, {known}. Received: {label!r}")
    return np.array([numbers[label] for label in labels], np.int64), names
