"""Names of a trained model's classes, for its export."""

from pathlib import Path


def class_names_of(given: str | None, own: tuple[str, ...] | None) -> list[str] | None:
    """Return the names that are given, or else the run's own.

    Args:
        given: None, names with commas between them, or a file of one name a line.
        own: None, or the names of the classes that the model was trained on.

    Raises:
        ValueError: If `given` names one class, which is no file.
    """
    if given is None:
        return None if own is None else list(own)
    if Path(given).is_file():
        return [line.strip() for line in Path(given).read_text(encoding="utf-8").splitlines() if line.strip()]
    names = [name.strip() for name in given.split(",")]
    if len(names) < 2:
        raise ValueError(
            "`class_names` must be names with commas between them, or a file of one name a line. "
            f"Received: class_names={given!r}"
        )
    return names
