"""Files and folders that are whole or not there."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a path to write a file or a folder to; it becomes `path` at the end, or vanishes if writing fails.

    What was at `path` before is replaced.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{uuid.uuid4().hex[:8]}.{path.name}")
    try:
        yield part
        _replace(part, path)
    finally:
        _remove(part)


def _replace(part: Path, path: Path) -> None:
    if not path.is_dir() and not (part.is_dir() and path.exists()):
        os.replace(part, path)
        return
    aside = part.with_name(f"{part.name}.old")  # no system replaces a folder that holds something
    os.replace(path, aside)
    try:
        os.replace(part, path)
    except OSError:
        os.replace(aside, path)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON to a file that is either whole or as it was."""
    with atomic(path) as part:
        part.write_text(json.dumps(value, indent=1) + "\n")


def sha256(path: str | os.PathLike) -> str:
    """Return the hex digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
