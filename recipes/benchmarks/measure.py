"""Wall time and peak memory, as the benchmarks take them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def seconds(run: Callable[[], Any]) -> float:
    """Wall time of a call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def print_peak_of(run: Callable[[], Any]) -> None:
    """Print by how many MiB the process grows at most during a call; Linux."""
    before = _resident_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of importing and compiling
    run()
    print(_resident_mib("VmHWM") - before)


def peak_of_process(script: str, *arguments: str) -> float:
    """MiB that the script prints last, run by itself with glibc told to give freed blocks back."""
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"}  # bytes: peaks are of what is alive
    done = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return float(done.stdout.split()[-1])


def _resident_mib(field: str) -> float:
    """Resident size of this process now (`VmRSS`) or at most since it was reset (`VmHWM`)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))
