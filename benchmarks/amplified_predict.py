"""Predict with 25 flips: one amplified call against a loop of one-flip calls and against an Amplify at the input.

    python benchmarks/amplified_predict.py [--images 64] [--rounds 5]

Times are interleaved in one process and compared as ratios; peak memory is that of a process of its own per variant,
above what it held before the timed call, with glibc told to give freed blocks back (MALLOC_MMAP_THRESHOLD_).
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
from tabulate import tabulate

import zoo
from layers import Amplify, MajorityVote
from zoo.coin_graph import coin_graph

FLIPS = 25


def amplified_at_input(model):
    """The same network and weights with every layer run once per flip."""
    prefix, suffix, _ = coin_graph(model)
    inputs = keras.Input(model.input_shape[1:])
    logits = suffix(prefix(Amplify(FLIPS)(inputs)))
    return keras.Model(inputs, MajorityVote(FLIPS)(logits))


def loop(model, x):
    """What a user without this library writes: as many predictions as flips, counted by hand."""
    votes = np.zeros((len(x), model.output_shape[-1]))
    for _ in range(FLIPS):
        votes[np.arange(len(x)), model.predict(x, verbose=0).argmax(1)] += 1
    return votes / FLIPS


def variants(model):
    """Name -> function of images, each giving `(n, classes)` votes."""
    single, at_input = zoo.amplify(model, 1), amplified_at_input(model)
    chunked = {n: zoo.amplify(model, n, chunk=FLIPS) for n in (FLIPS, 10 * FLIPS)}
    return {
        f"predict, {FLIPS} flips": lambda x: model.predict(x, verbose=0),
        f"loop of {FLIPS} one-flip predicts": lambda x: loop(single, x),
        f"predict, {FLIPS} flips, Amplify at the input": lambda x: at_input.predict(x, verbose=0),
        f"predict, {10 * FLIPS} flips in chunks of {FLIPS}": lambda x: chunked[10 * FLIPS].predict(x, verbose=0),
    }


def resident_mib(field: str) -> float:
    """Resident size of this process now (`VmRSS`) or at most since it was reset (`VmHWM`); Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    model = zoo.build("resnet20_cfnn", samples=FLIPS, seed=0)
    x = np.random.default_rng(0).integers(0, 256, (arguments.images, 32, 32, 3)).astype("uint8")
    runs = variants(model)
    if arguments.memory_of:
        runs[arguments.memory_of](x[:1])
        before = resident_mib("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak of importing and compiling
        runs[arguments.memory_of](x)
        print(resident_mib("VmHWM") - before)
        return
    timed = dict(list(runs.items())[:-1])  # the last is there for its memory; it takes ten times as long
    seconds = {name: [] for name in runs}
    for run in timed.values():
        run(x)
    for _ in range(arguments.rounds):
        for name, run in timed.items():
            started = time.perf_counter()
            run(x)
            seconds[name].append(time.perf_counter() - started)
    first = next(iter(runs))
    rows = []
    for name in runs:
        command = [sys.executable, __file__, "--images", str(arguments.images), "--memory-of", name]
        environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"}  # bytes: peaks are of what is alive
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        peak = float(done.stdout.split()[-1])
        times = ("", "")
        if name in timed:
            ratio = np.median(np.array(seconds[first]) / np.array(seconds[name]))
            times = (f"{np.median(seconds[name]):.2f}", f"{ratio:.2f}")
        rows.append((name, *times, f"{peak:.0f}"))
    versions = f"{keras.backend.backend()}, keras {keras.__version__}"
    print(f"\n{versions}, {arguments.images} images, {arguments.rounds} rounds\n")
    print(tabulate(rows, ["variant", "median s", "first / this", "peak MiB"], tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
