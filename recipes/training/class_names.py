"""Names of a trained model's classes, for its export."""

import os
from pathlib import Path


def class_names_of(given: str | None, own: tuple[str, ...] | None, classes: int) -> list[str] | None:
    """Return the names that are given, or else the run's own if they are names for all classes.

    Args:
        given: None, names with commas between them, or a file of one name a line.
        own: None, or the names of the classes that the model was trained on.
        classes: Number of the model's classes.

    Raises:
        ValueError: If `given` names one class, which is no file.
    """
    if given is None:
        return list(own) if own and len(own) == classes else None
    if os.path.isfile(given):  # Path.is_file raises on a text longer than names of files may be
        return [line.strip() for line in Path(given).read_text(encoding="utf-8").splitlines() if line.strip()]
    names = [name.strip() for name in given.split(",")]
    if len(names) < 2:
        raise ValueError(
            "`class_names` must be names with commas between them, or a file of one name a line. "
            f"Received: class_names={given!r}"
        )
    return names
