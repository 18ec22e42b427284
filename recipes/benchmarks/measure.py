"""Wall time and peak memory, as the benchmarks take them."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tabulate import tabulate


def seconds(run: Callable[[], Any]) -> float:
    """Wall time of a call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def compare(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, np.ndarray]:
    """Interleave calls: wall and CPU seconds of each, `(rounds, 2)`.

    Each is made once before it is timed, in every round: the threads of other libraries wait busily for a while after
    their last call. Each round begins with another call, so that none always follows the same one.
    """
    names, times = list(calls), {name: np.zeros((rounds, 2)) for name in calls}
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            calls[name]()
            started = time.perf_counter(), time.process_time()
            calls[name]()
            times[name][number] = time.perf_counter() - started[0], time.process_time() - started[1]
    return times


def table(times: Mapping[str, np.ndarray], to: str, peaks: Mapping[str, float] | None = None) -> str:
    """Return a Markdown table of what `compare` found, as ratios to the call named `to`, and the machine."""
    headers = ["", "median ms", f"/ {to}", "min", "max", "CPU ms", f"/ {to}", *(["peak MiB"] if peaks else [])]
    rows = []
    for name, found in times.items():
        ratios, medians = found / times[to], 1e3 * np.median(found, axis=0)
        wall = np.median(ratios[:, 0]), ratios[:, 0].min(), ratios[:, 0].max()
        rows.append((name, medians[0], *wall, medians[1], np.median(ratios[:, 1]), *([peaks[name]] if peaks else [])))
    rounds = len(times[to])
    return f"{machine()}, {rounds} rounds\n\n" + tabulate(rows, headers, tablefmt="github", floatfmt=".3g")


def random_images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw images of CIFAR-10's shape, `(count, 32, 32, 3)` uint8, and labels of its ten classes, `(count,)`."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 32, 32, 3)).astype("uint8"), rng.integers(0, 10, count)


def machine() -> str:
    """Kind and number of CPUs, load, backend and versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    kind = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    backend = f"{keras.backend.backend()}, keras {keras.__version__}"
    return f"{os.cpu_count()} CPUs ({kind}), load {os.getloadavg()[0]:.1f}, {backend}"


def torch_or_none():
    """Import PyTorch, whose threads are OMP_NUM_THREADS or all; None, and a line that says so, if it is missing."""
    try:
        import torch  # an extra: the library itself does not need it
    except ImportError:
        print('PyTorch is not installed (pip install "coinflip-zoo[torch]"): its side is skipped.')
        return None
    return torch


def print_peak_of(run: Callable[[], Any]) -> None:
    """Print by how many MiB the process grows at most during a call; Linux."""
    before = _resident_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of importing and compiling
    run()
    print(_resident_mib("VmHWM") - before)


def peak_of_process(script: str, *arguments: str) -> float:
    """MiB that the script prints last, run by itself.

    Freed blocks go back at once, that peaks are of what is alive: glibc is told to, and TensorFlow's oneDNN kernels are
    off, for their allocator keeps all it once had.
    """
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000", "TF_ENABLE_ONEDNN_OPTS": "0"}
    done = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return float(done.stdout.split()[-1])


def _resident_mib(field: str) -> float:
    """Resident size of this process now (`VmRSS`) or at most since it was reset (`VmHWM`)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))
