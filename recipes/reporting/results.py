"""Result lines: one JSON object per measured number, with all that is needed to measure it again."""

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras

import zoo
from zoo.files import parse_json, write_bytes
from zoo.recipes.reporting.appending import appending
from zoo.recipes.reporting.command import command
from zoo.recipes.reporting.rows import Row


class Lines(NamedTuple):
    """Result lines of a file, and whether a last one was left half-written, which is not among them."""

    rows: list[Row]
    cut: bool


def environment() -> dict[str, Any]:
    """Backend, versions, kind of machine and command of this process."""
    others = ("keras", keras.backend.backend(), "numpy")
    return {
        "backend": keras.backend.backend(),
        # Of a checkout, whose installed metadata may be older than its code, the package's own version.
        "versions": {"coinflip-zoo": zoo.__version__} | {name: _version(name) for name in others},
        "machine": f"{_device()}, {os.cpu_count()} cores, {platform.machine()}",
        "command": command(),
    }


def check_results_file(out: Path) -> None:
    """Refuse a place to which result lines cannot be appended, before they are measured.

    Raises:
        ValueError: If `out` is a folder, or lies in what is no folder.
    """
    if out.is_dir() or any(parent.exists() and not parent.is_dir() for parent in out.parents):
        raise ValueError(f"`out` must be a file of result lines, or new, in a folder. Received: out={str(out)!r}")


def append_results(path: Path, rows: Iterable[Row]) -> None:
    """Append result lines to a file, which is never left half-written; processes that append at once wait in turn.

    Raises:
        IsADirectoryError: If `path` is a folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with appending(path.parent):
        write_bytes(path, _whole_lines(path) + result_lines(rows))


def add_results(path: Path, rows: list[Row], instead_of: Sequence[Row] = ()) -> None:
    """Make sure that result lines are in a file once, before those that others appended, and others not any more.

    A line that differs in `seconds` and `command` only is the same one, measured again.
    """
    known = [_measured(row) for row in (*rows, *instead_of)]
    with appending(path.parent):
        before = _whole_lines(path)
        lines = [line for line in before.split(b"\n") if line.strip()]
        others = [line for n, line in enumerate(lines, 1) if _measured(_row(line, f"{path}, line {n}")) not in known]
        if len(others) + len(rows) != len(lines):
            write_bytes(path, result_lines(rows) + b"".join(line + b"\n" for line in others))


def result_lines(rows: Iterable[Row]) -> bytes:
    """The content of a file of result lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _measured(row: Row) -> Row:
    return {key: value for key, value in row.items() if key not in ("seconds", "command")}


def _whole_lines(path: Path) -> bytes:
    """The lines of a file, but for a half-written last one."""
    if not path.is_file():
        return b""
    data = path.read_bytes()
    if _last_row(data, path) is None:
        _say_cut(path)
        return data[: data.rfind(b"\n") + 1]
    return data if data.endswith(b"\n") or not data else data + b"\n"


def read_results(path: str | Path) -> list[Row]:
    """The result lines of a file. A last line that is half-written is left out, which is said on stderr.

    Raises:
        ValueError: If another line is damaged or no JSON object; the error names file and line.
        FileNotFoundError: If there is no such file.
    """
    rows, cut = read_lines(path)
    if cut:
        _say_cut(path)
    return rows


def read_lines(path: str | Path) -> Lines:
    """The result lines of a file, and whether a last one is left out; otherwise as `read_results`, and silent."""
    data = Path(path).read_bytes()
    *whole, _ = data.split(b"\n")
    rows = [_row(line, f"{path}, line {number}") for number, line in enumerate(whole, 1) if line.strip()]
    last = _last_row(data, path)
    return Lines([*rows, *(last or [])], last is None)


def _last_row(data: bytes, path: str | Path) -> list[Row] | None:
    """Row of a last line without its newline, or none; None if it is half-written."""
    last = data[data.rfind(b"\n") + 1 :]
    if not last.strip():
        return []
    try:  # a file by another program may end without a newline
        return [_row(last, str(path))]
    except ValueError:
        return None


def _say_cut(path: str | Path) -> None:
    print(f"{path}: its last line is half-written and left out", file=sys.stderr, flush=True)


def _row(line: bytes, where: str) -> Row:
    row = parse_json(line, where)
    if not isinstance(row, dict):
        raise ValueError(f"{where!r} must be a JSON object. Received: {type(row).__name__}")
    return row


def _version(package: str) -> str:
    names = (package, f"{package}-cpu") if package == "tensorflow" else (package,)
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "not installed"


def _device() -> str:
    """The kind of device, GPU or CPU."""
    if keras.backend.backend() == "torch":  # Keras lists no devices there
        import torch

        return "GPU" if torch.cuda.is_available() else "CPU"
    kinds = {str(name).split(":")[0].upper() for name in keras.distribution.list_devices()}
    return "GPU" if kinds & {"GPU", "CUDA", "ROCM"} else "CPU"
