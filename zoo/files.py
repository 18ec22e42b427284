"""Files and folders that are whole or not there, and JSON files that hold what they must."""

import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_PART = re.compile(r"\.[0-9a-f]{8}\..+")
_AT_FDCWD, _RENAME_NOREPLACE, _RENAME_EXCHANGE = -100, 1, 2  # of <fcntl.h> and <linux/fs.h>
_LARGEST_INT = 2**63 - 1  # larger ones are no setting and no count, and have no float


@contextmanager
def atomic(path: str | os.PathLike, check: Callable[[], object] | None = None) -> Iterator[Path]:
    """Yield a path to write a file or a folder to; it becomes `path` at the end, or vanishes if writing fails.

    What is at `path` then is replaced, once what was written is on the disk, unless `check`, which is called just
    before, raises.

    Raises:
        IsADirectoryError: If a file was written and a folder, or a link to one, is at `path`. It stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _part(path, check) as part:
        yield part


@contextmanager
def _part(path: Path, check: Callable[[], object] | None = None) -> Iterator[Path]:
    part = path.with_name(f".{uuid.uuid4().hex[:8]}.{path.name}")
    try:
        yield part
        flush(part)
        if check is not None:
            check()
        _replace(part, path)
        _sync(path.parent)
    except OSError as error:
        if error.errno and not error.filename:
            error.filename = str(path)  # a full disk names no file
        raise
    finally:
        _remove(part)


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Write a file that is either whole, also after the machine stops, or as it was. Its folder must exist.

    Raises:
        IsADirectoryError: If a folder, or a link to one, is at `path`. It stays as it was.
    """
    with _part(Path(path)) as part:
        part.write_bytes(data)


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write JSON to a file that is either whole or as it was; see `write_bytes`."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Return the content of a JSON file."""
    return (json.dumps(value, indent=1) + "\n").encode()


def read_json(path: str | os.PathLike, keys: Mapping[str, type | tuple[type, ...]] | None = None) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Args:
        path: The file.
        keys: Keys that the object must have, and the types that their values may have.

    Raises:
        ValueError: If the file is no such JSON; the error names the file and what is wrong.
        FileNotFoundError: If there is no such file.
    """
    value = parse_json(Path(path).read_bytes(), str(path))
    if not isinstance(value, dict):
        raise ValueError(f"{str(path)!r} must hold one JSON object. Received: {type(value).__name__}")
    for key, kinds in (keys or {}).items():
        if key not in value:
            raise ValueError(f"{str(path)!r} must have the key {key!r}. It is missing")
        found, allowed = value[key], kinds if isinstance(kinds, tuple) else (kinds,)
        if not isinstance(found, allowed) or (isinstance(found, bool) and bool not in allowed):
            names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in allowed)
            raise ValueError(f"{str(path)!r} must have {names} under {key!r}. Received: {type(found).__name__}")
    return value


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with the SHA-256 of its own content under "sha256"."""
    return {**value, "sha256": _digest(value)}


def unsealed(value: dict[str, Any], path: str | os.PathLike) -> dict[str, Any]:
    """Return what was sealed.

    Raises:
        ValueError: If it is not what was written; the error names the file.
    """
    held = {key: one for key, one in value.items() if key != "sha256"}
    if value.get("sha256") != _digest(held):
        raise ValueError(f"{str(path)!r} is damaged: its content is not what was written")
    return held


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def parse_json(text: bytes | str, where: str) -> Any:
    """Parse JSON.

    Args:
        text: The JSON, UTF-8.
        where: Where it is from, for the error.

    Raises:
        ValueError: If it is damaged, nested too deep, or has an int beyond 64 bits.
    """
    try:
        return json.loads(text, parse_int=_int)
    except RecursionError:
        raise ValueError(f"{where!r} is no JSON that can be read: it is nested too deep") from None
    except ValueError as error:  # json.JSONDecodeError, UnicodeDecodeError, and that of _int
        raise ValueError(f"{where!r} is no JSON that can be read: {error}") from None


def _int(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) > _LARGEST_INT:
        raise ValueError(f"an int of {len(digits)} digits is beyond 64 bits")
    return int(digits)


def sweep(folder: Path) -> None:
    """Remove parts of files that a killed process left in a folder which nobody else writes to now."""
    for path in folder.iterdir():
        if _PART.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def sha256(path: str | os.PathLike) -> str:
    """Return the hex digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(part: Path, path: Path) -> None:
    if part.is_dir():
        swap(part, path)
        return
    if path.is_dir():  # named by a slip, it would be lost with all that is in it; of a link, the link
        raise IsADirectoryError(f"`path` must be a file, or new. Received: the folder path={str(path)!r}")
    os.replace(part, path)


def swap(part: Path, path: Path) -> None:
    """Give `part` the name `path`, or both each other's name, so that whenever it ends the old or the new is there.

    `part` is a folder: a file replaces no folder. The caller removes what is left under the name `part`.
    """
    if not os.path.lexists(path):
        os.rename(part, path)
        return
    if _exchange(part, path):
        return
    aside = part.with_name(f"{part.name}.old")  # in two steps: no other call replaces a folder that holds something
    try:
        os.rename(path, aside)
        os.rename(part, path)
    finally:
        if not os.path.lexists(path):
            os.rename(aside, path)
        elif not os.path.lexists(part):  # else something else came between the two, and this is the only old one
            _remove(aside)


def is_free(path: Path, overwrite: bool) -> bool:
    """Return whether nothing is at a path.

    Raises:
        FileExistsError: If something is, and `overwrite` is False.
    """
    if not os.path.lexists(path):
        return True
    if not overwrite:
        raise FileExistsError(f"`path` exists already; pass overwrite=True to replace it. Received: path={str(path)!r}")
    return False


def claim(part: Path, path: Path) -> None:
    """Give a folder a name that is free, of two processes to one only.

    Raises:
        FileExistsError: If the name is taken.
    """
    if _rename(part, path, _RENAME_NOREPLACE):
        return
    if os.name == "posix":  # there, a rename replaces an empty folder, which one process only can make
        path.mkdir()
    try:
        os.rename(part, path)
    except OSError:
        if os.name == "posix":
            with suppress(OSError):
                path.rmdir()
        raise


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders so that neither name is ever free; False where the system cannot."""
    return _rename(one, other, _RENAME_EXCHANGE)


def _rename(one: Path, other: Path, how: int) -> bool:
    """Rename as Linux can; False where the system cannot, or not these two."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # no such function, or not even a C library to look in
        return False
    return renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), how) == 0


def flush(path: Path) -> None:
    """Wait until a file, or all of a folder, is on the disk: a renamed file may be empty after a power cut."""
    for one in (path, *path.rglob("*")):
        _sync(one)


def _sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names where its disk can do that, is on the disk."""
    if path.is_dir() and os.name == "nt":  # there, a folder cannot be opened
        return
    opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(opened)
    except OSError as error:  # some mounts know no `fsync` of folders, which have their names already
        if not path.is_dir() or error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(opened)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
