"""The folder of a SavedModel: whether it may be replaced, and its replacement in one step."""

import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zoo.files import claim, flush, is_free, swap

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_FOLDERS = ("variables", "assets")
_FILES = ("saved_model.pb", "fingerprint.pb")
_VARIABLES = re.compile(r"variables\.(index|data-\d{5}-of-\d{5})")
# Whatever TensorFlow leaves of a SavedModel that it has not finished.
_UNFINISHED = re.compile(
    r"((saved_model|fingerprint)\.pb|variables/variables\.[^/]+|variables/variables_temp/part-[^/]+"
    r"|assets/(class_names\.txt|model\.json))(\.tmp\w+)?"
)
_UNFINISHED_FOLDERS = ("variables", "assets", "variables/variables_temp")


def check_replaceable(path: Path, overwrite: bool) -> None:
    """Refuse a path at which a SavedModel must not be written.

    Replaced are an empty folder and a SavedModel as `export` writes it, that is a folder of `saved_model.pb`,
    `fingerprint.pb`, `variables` and `assets` in which nothing else lies.

    Raises:
        ValueError: If `path` does not end in a name, as "." and "..".
        FileExistsError: If something is there and `overwrite` is False, or it is something else.
    """
    if path.name in ("", ".."):
        raise ValueError(f"`path` must end in the name of a folder to write. Received: path={str(path)!r}")
    if is_free(path, overwrite):
        return
    if path.is_symlink():
        found = f"a link to {os.readlink(path)!r}"
    elif not path.is_dir():
        found = "no folder"
    else:
        strangers = _strangers(path)
        found = f"holding {', '.join(map(repr, strangers[:3]))}" if strangers else ""
    if found:
        raise FileExistsError(
            f"`path` must be a SavedModel and nothing else where overwrite=True replaces it; this one is {found}. "
            f"Received: path={str(path)!r}"
        )


@contextmanager
def replacement(path: Path, overwrite: bool = True, following: Callable[[], Path] | None = None) -> Iterator[Path]:
    """Yield an empty folder to write to; at the end it becomes `path`, or vanishes if writing fails.

    What is at `path` stays there until the new folder is whole and on the disk, and for good unless `overwrite`. What
    killed processes left of their folders is removed first.

    Args:
        path: The folder.
        overwrite: Whether a SavedModel may be replaced.
        following: None, or gives another path beside `path` where something has come there meanwhile.

    Raises:
        FileExistsError: If something that may not be replaced has come to `path` meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    part = path.with_name(f".{uuid.uuid4().hex[:8]}.{path.name}")
    try:
        os.mkdir(part)
        with _locked(part, wait=True):
            part.mkdir(exist_ok=True)  # another process may have swept it before it was locked
            yield part
            flush(part)
            while True:  # something else may have come there since
                try:
                    check_replaceable(path, overwrite)
                    (swap if overwrite else claim)(part, path)
                    break
                except FileExistsError:
                    if following is None:
                        raise
                    path = following()
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sweep(path: Path) -> None:
    """Remove the folders that processes which were killed left beside `path`: ours by name, content and a free lock."""
    ours = re.compile(rf"\.[0-9a-f]{{8}}\.{re.escape(path.name)}(\.old)?")
    with suppress(OSError), os.scandir(path.parent) as entries:
        for found in [entry for entry in entries if ours.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)]:
            aside = found.name.endswith(".old")
            if aside and not os.path.lexists(path):
                continue  # the only whole one
            with suppress(OSError), _locked(Path(found.path)) as held:
                if held and (_is_unfinished(Path(found.path)) or not _strangers(Path(found.path))):
                    shutil.rmtree(found.path, ignore_errors=True)


def _is_unfinished(folder: Path) -> bool:
    for inner, folders, files in os.walk(folder):
        below = os.path.relpath(inner, folder)
        names = [os.path.normpath(os.path.join(below, name)).replace(os.sep, "/") for name in (*folders, *files)]
        if not all(name in _UNFINISHED_FOLDERS or _UNFINISHED.fullmatch(name) for name in names):
            return False
    return True


@contextmanager
def _locked(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Lock a folder where the system can, and say whether it is; the lock of a process that has ended is free."""
    if fcntl is None:
        yield False
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        held = True
        try:
            fcntl.flock(opened, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another process has it, or there are no locks on this disk
            held = False
        yield held
    finally:
        os.close(opened)


def _strangers(path: Path) -> list[str]:
    """Names of what is no part of a SavedModel, or of everything if there is no SavedModel."""
    graph = path / "saved_model.pb"
    listed = graph.read_bytes() if graph.is_file() and not graph.is_symlink() else b""

    def belongs(folder: str, entry: os.DirEntry) -> bool:
        if not folder and entry.name in _FOLDERS:
            return entry.is_dir(follow_symlinks=False)
        if not entry.is_file(follow_symlinks=False):
            return False
        if folder == "assets":  # the graph lists them: field 2 of an AssetFileDef
            name = os.fsencode(entry.name)
            return len(name) < 128 and bytes([0x12, len(name)]) + name in listed
        return entry.name in _FILES if not folder else bool(_VARIABLES.fullmatch(entry.name))

    found, strangers = [], []
    for folder in ("", *_FOLDERS):
        if folder and (folder not in found or strangers):
            continue
        with os.scandir(path / folder) as entries:
            for entry in entries:
                name = os.path.join(folder, entry.name)
                found.append(name)
                if not belongs(folder, entry):
                    strangers.append(name)
    return sorted(strangers or ([] if listed else found))
