"""Folders that belong to one run, one search or one experiment: claimed once, checked from then on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.files import write_json

Record = dict[str, Any]


def claim(path: Path, record: Record, identity: Callable[[Record], Record], what: str) -> None:
    """Write `record` to a file of a new folder, or check that the folder holds the same run.

    Args:
        path: File of the record.
        record: What the file says of the run, JSON's types.
        identity: Function of a record that returns the values that may not differ.
        what: Beginning of the error, as in `The run in 'x' has`.

    Raises:
        ValueError: If one of those values differs from that of the file.
    """
    if path.is_file():
        check_same(identity(json.loads(path.read_text())), identity(record), what)
    else:
        write_json(path, record)


def check_same(before: Record, now: Record, what: str) -> None:
    """Raise a `ValueError` that names the first value of `now` that was another one before."""
    for key, value in json.loads(json.dumps(now)).items():
        if before.get(key) != value:
            raise ValueError(f"{what} {key}={before.get(key)!r}. Received: {key}={value!r}")
