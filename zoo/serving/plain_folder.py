"""The folder of an exported model that is no SavedModel, and a version's folder for TensorFlow Serving."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo.files import atomic, is_free, read_json
from zoo.serving.noise import FILE
from zoo.serving.runtimes import RUNTIMES

_SUFFIXES = (".onnx", ".xml", ".bin", ".tflite")


def check_folder(path: Path, overwrite: bool, files: tuple[str, ...]) -> None:
    """Refuse a path at which a folder of a format must not be written.

    Args:
        path: The folder.
        overwrite: Whether a folder of the same files may be replaced.
        files: Names of the format's files.

    Raises:
        ValueError: If `path` ends in no name, or in one of a file.
        FileExistsError: If something is there and `overwrite` is False, or it is something else.
    """
    if path.name in ("", "..") or path.suffix in _SUFFIXES:
        raise ValueError(
            f"`path` must be a folder to write {', '.join(files)} to, not the file. Received: path={str(path)!r}"
        )
    if is_free(path, overwrite):
        return
    if path.is_symlink() or not path.is_dir() or not _is_ours(path, files):
        raise FileExistsError(
            f"`path` must be a folder of {', '.join((*files, FILE))} alone, as it was written, where overwrite=True "
            "replaces it. "
            f"Received: path={str(path)!r}"
        )


def _is_ours(path: Path, files: tuple[str, ...]) -> bool:
    """Return whether a folder is empty, or holds regular files of a format alone, as its `model.json` says."""
    held = list(path.iterdir())
    if not all(one.name in (*files, FILE) and one.is_file() and not one.is_symlink() for one in held):
        return False
    try:
        return not held or RUNTIMES[read_json(path / FILE, {"format": str})["format"]].files == files
    except (ValueError, KeyError, FileNotFoundError):  # damaged, of no such format, or not there
        return False


@contextmanager
def new_folder(path: Path, overwrite: bool, files: tuple[str, ...]) -> Iterator[Path]:
    """Yield an empty folder to write to; it becomes `path`, whole, or vanishes if writing fails.

    What is at `path` by then is checked once more, as `check_folder` does.
    """
    with atomic(path, lambda: check_folder(path, overwrite, files)) as part:
        part.mkdir()
        yield part


def next_version(path: Path) -> Path:
    """Return the folder of a model's next version, `path/1` at first.

    Raises:
        FileExistsError: If `path` is no folder of versions.
    """
    names = [one.name for one in path.iterdir()] if path.is_dir() else []
    strangers = [name for name in names if not name.isdecimal()]
    hidden = all(name.startswith(".") for name in strangers)
    if os.path.lexists(path) and not (path.is_dir() and hidden):
        raise FileExistsError(
            "`path` must be a folder of versions, 1, 2 and so on, or not be there, where serving=True. Received: "
            f"path={str(path)!r}{f', with {strangers[0]!r} in it' if strangers else ''}"
        )
    return path / str(max(map(int, filter(str.isdecimal, names)), default=0) + 1)
