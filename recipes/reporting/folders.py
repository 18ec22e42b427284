"""Folders that belong to one run, one search or one experiment, and to one process at a time."""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from zoo.files import json_bytes, parse_json, read_json, sweep, write_bytes
from zoo.recipes.reporting.appending import appending
from zoo.recipes.reporting.command import command

Record = dict[str, Any]

LOCK = ".lock"
# Names in any folder of ours; a folder that has some of them has lost its record.
_OURS = {"config.json", "settings.json", "state.json", "state.previous.json", "search.json", "log.csv", "tensorboard"}
_OURS |= {"results.jsonl", "trials.jsonl", "best.json", "best.weights.h5", "last.weights.h5"}


class Folder:
    """Folder that this process has claimed. Files are written to it whole, or not if it is not there any more.

    Args:
        path: The folder.
        record: Name of the file that says whose it is.
    """

    def __init__(self, path: Path, record: str) -> None:
        self.path, self._record, self._inode = path, record, os.stat(path).st_ino

    def write(self, name: str, data: bytes) -> None:
        """Write a file.

        Raises:
            FileNotFoundError: If the folder or its record has vanished.
        """
        self.check()
        (self.path / name).parent.mkdir(exist_ok=True)
        write_bytes(self.path / name, data)

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file; see `write`."""
        self.write(name, json_bytes(value))

    def check(self) -> None:
        """Raise a `FileNotFoundError` if the folder or its record has vanished, or is another one."""
        try:
            there = os.stat(self.path).st_ino == self._inode and (self.path / self._record).is_file()
        except OSError:
            there = False
        if not there:
            raise FileNotFoundError(
                f"The folder {str(self.path)!r} has vanished, or its {self._record}, while this process wrote to it"
            )


@contextmanager
def claimed(
    path: Path,
    name: str,
    record: Record,
    identity: Callable[[Record], Record],
    *,
    what: str,
    new: str = "",
    besides: tuple[str, ...] = (),
) -> Iterator[Folder]:
    """Write the record of a new folder, or check that the folder holds the same run, and keep other processes out.

    A new folder in which nothing was written before an error is then as it was.

    Args:
        path: The folder.
        name: Name of the file of the record.
        record: What the file says of the run, JSON's types.
        identity: Function of a record that returns the values that may not differ.
        what: Beginning of the error, as in `The run in 'x' has`.
        new: Error if there is a record; "" if the folder may be an old one.
        besides: Names of files that may be there without a record.

    Raises:
        ValueError: If one of those values differs from that of the file, the file is damaged, files of a run are
            there without it, or another process is at work in the folder.
    """

    def check() -> bool:
        if not (path / name).is_file():
            _refuse_ours(path, name, besides)
            return False
        if new:
            raise ValueError(new)
        before = read_json(path / name)
        try:
            known = identity(before)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{str(path / name)!r} does not say whose folder it is: {error!r}") from None
        check_same(known, identity(record), what)
        return True

    check()  # nothing is written to a folder that is another's
    created = not path.exists()
    path.mkdir(parents=True, exist_ok=True)
    known = True
    try:
        with _locked(path):
            with appending(path):
                sweep(path)
            known = check()
            if not known:
                write_bytes(path / name, json_bytes(record))
            yield Folder(path, name)
    except BaseException:
        if not known:
            _forget(path, name, created)
        raise


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Wait, and say so, until no other process is in this block for the folder, which is made if it is not there."""
    path.mkdir(parents=True, exist_ok=True)
    with _locked(path, wait=True):
        yield


def check_same(before: Record, now: Record, what: str) -> None:
    """Raise a `ValueError` that names the first value of `now` that was another one before."""
    for key, value in json.loads(json.dumps(now)).items():
        if before.get(key) != value:
            raise ValueError(f"{what} {key}={before.get(key)!r}. Received: {key}={value!r}")


def _forget(path: Path, name: str, created: bool) -> None:
    """Remove the record of a folder to which nothing else was written: the next call may have other settings."""
    if not path.is_dir() or {one.name for one in path.iterdir()} - {name, LOCK}:
        return
    for one in (name, LOCK):
        (path / one).unlink(missing_ok=True)
    if created:
        path.rmdir()


def _refuse_ours(path: Path, name: str, besides: tuple[str, ...]) -> None:
    if not path.is_dir():
        return
    found = sorted(one.name for one in path.iterdir() if one.name in _OURS and one.name not in besides)
    if found:
        raise ValueError(
            f"`out` must be a new folder or one with its {name}: without it, nothing says whose {found[0]} is. "
            f"Received: out={str(path)!r}"
        )


@contextmanager
def _locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Lock a folder; the system frees the lock of a process that has ended, however it did."""
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise ValueError(f"`out` is in use by {_holder(path / LOCK)}. Received: out={str(path)!r}") from None
        print(f"Waiting for {str(path)!r}, in use by {_holder(path / LOCK)}", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        # Not replaced: the lock is on this very file.
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        about = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command()}
        (path / LOCK).write_text(json.dumps(about) + "\n")
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    try:
        about = parse_json(path.read_bytes(), str(path))
        return f"process {about['pid']} on {about['host']} since {about['since']} (`{about['command']}`)"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
