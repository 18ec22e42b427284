"""Result lines: one JSON object per measured number, with all that is needed to measure it again."""

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras

from zoo.files import atomic
from zoo.recipes.reporting.rows import Row


def environment() -> dict[str, Any]:
    """Backend, versions, kind of machine and command of this process."""
    return {
        "backend": keras.backend.backend(),
        "versions": {name: _version(name) for name in ("coinflip-zoo", "keras", keras.backend.backend(), "numpy")},
        "machine": f"{_device()}, {os.cpu_count()} cores, {platform.machine()}",
        "command": command(),
    }


def command() -> str:
    """The command line of this process, the program by its bare name."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])


def append_results(path: Path, rows: Iterable[Row]) -> None:
    """Append result lines to a file, which is never left half-written."""
    before = path.read_text() if path.is_file() else ""
    with atomic(path) as part:
        part.write_text(before + "".join(json.dumps(row) + "\n" for row in rows))


def read_results(path: str | Path) -> list[Row]:
    """The result lines of a file."""
    return [json.loads(line) for line in Path(path).read_text().splitlines() if line]


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
    kinds = {str(name).split(":")[0].upper() for name in keras.distribution.list_devices()}
    return "GPU" if kinds & {"GPU", "CUDA", "ROCM"} else "CPU"
