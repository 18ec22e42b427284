"""Predict with 25 flips: one amplified call against a loop of one-flip calls and against an Amplify at the input.

    python -m zoo.recipes.benchmarks.amplified_predict [--images 64] [--rounds 5]

Times are interleaved in one process and compared as ratios; peak memory is that of a process of its own per variant,
above what it held before the timed call, with glibc told to give freed blocks back (MALLOC_MMAP_THRESHOLD_).
"""

import argparse

import keras
import numpy as np
from tabulate import tabulate

import zoo
from zoo.amplification.coin_graph import coin_graph
from zoo.layers import Amplify, MajorityVote
from zoo.recipes.benchmarks.measure import peak_of_process, print_peak_of, seconds

FLIPS = 25


def amplified_at_input(model):
    """The same network and weights with every layer run once per flip."""
    graph = coin_graph(model)
    inputs = keras.Input(model.input_shape[1:])
    (logits,) = keras.tree.flatten(graph.suffix(graph.prefix(Amplify(FLIPS)(inputs))))
    return keras.Model(inputs, MajorityVote(FLIPS)(logits))


def loop(model, x):
    """Predict as often as there are flips and count by hand, as a user without this library would."""
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
        print_peak_of(lambda: runs[arguments.memory_of](x))
        return
    timed = dict(list(runs.items())[:-1])  # the last is there for its memory; it takes ten times as long
    times = {name: [] for name in timed}
    for run in timed.values():
        run(x)
    for _ in range(arguments.rounds):
        for name, run in timed.items():
            times[name].append(seconds(lambda run=run: run(x)))
    first = next(iter(runs))
    rows = []
    for name in runs:
        peak = peak_of_process(__file__, "--images", str(arguments.images), "--memory-of", name)
        columns = ("", "")
        if name in timed:
            ratio = np.median(np.array(times[first]) / np.array(times[name]))
            columns = (f"{np.median(times[name]):.2f}", f"{ratio:.2f}")
        rows.append((name, *columns, f"{peak:.0f}"))
    versions = f"{keras.backend.backend()}, keras {keras.__version__}"
    print(f"\n{versions}, {arguments.images} images, {arguments.rounds} rounds\n")
    print(tabulate(rows, ["variant", "median s", "first / this", "peak MiB"], tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
