"""How time and memory of a vote grow: with flips, examples, classes, width and depth, one at a time.

    python -m zoo.recipes.benchmarks.growth [--rounds 3] [AXIS ...]

`predict_on_batch` of a perceptron with dropout behind its first layer, 100 numbers in; what is not varied is 100 flips
of 100 examples, 10 classes, 64 units, 2 hidden layers. The time is the least of the rounds, after a call that compiles.
The exponent is the slope of its logarithm over that of the size, by least squares over all sizes but the smallest
third, where a call costs what it costs whatever it does. Peak memory is that of a process of its own, above what it
held before.
"""

import argparse
import math

import keras
import numpy as np
from tabulate import tabulate

import zoo
from zoo.recipes.benchmarks.measure import machine, peak_of_process, print_peak_of, seconds

BASE = {"flips": 100, "examples": 100, "classes": 10, "width": 64, "depth": 2}
SIZES = {
    "flips": (1, 10, 100, 1000, 10_000),
    "examples": (1, 10, 100, 1000, 10_000),
    "classes": (2, 10, 100, 1000),
    "width": (16, 64, 256, 1024),
    "depth": (1, 2, 4, 8, 16, 32),
}
_INPUTS = 100


def call_of(flips: int, examples: int, classes: int, width: int, depth: int):
    """Function that predicts one batch of `examples`."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((_INPUTS,))
    x = keras.layers.Dropout(0.5)(keras.layers.Dense(width, "relu")(inputs))
    for _ in range(depth - 1):
        x = keras.layers.Dense(width, "relu")(x)
    model = zoo.with_coins(keras.Model(inputs, keras.layers.Dense(classes, "softmax")(x)), samples=flips, seed=0)
    batch = np.random.default_rng(0).standard_normal((examples, _INPUTS)).astype("float32")
    return lambda: model.predict_on_batch(batch)


def exponent(sizes: tuple[int, ...], times: list[float]) -> float:
    """Slope of log time over log size, but for the smallest third of the sizes."""
    first = math.floor(len(sizes) / 3)
    return float(np.polyfit(np.log(sizes[first:]), np.log(times[first:]), 1)[0])


def main() -> None:
    """Measure and print a Markdown table per axis."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("axes", nargs="*", default=list(SIZES), metavar="AXIS", help=", ".join(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := set(arguments.axes) - set(SIZES):
        parser.error(f"AXIS must be of {', '.join(SIZES)}. Received: {', '.join(sorted(unknown))}")
    if arguments.memory_of:
        run = call_of(**{**BASE, arguments.axes[0]: arguments.memory_of})
        print_peak_of(run)
        return
    print(f"{machine()}, {arguments.rounds} rounds")
    for axis in arguments.axes:
        times, peaks = [], []
        for size in SIZES[axis]:
            run = call_of(**{**BASE, axis: size})
            run()
            times.append(min(seconds(run) for _ in range(arguments.rounds)))
            peaks.append(peak_of_process(__file__, axis, "--memory-of", str(size)))
        rows = [(size, 1e3 * time, peak) for size, time, peak in zip(SIZES[axis], times, peaks, strict=True)]
        print(f"\n{axis}: time grows by the power {exponent(SIZES[axis], times):.2f}\n")
        print(tabulate(rows, [axis, "ms", "peak MiB"], tablefmt="github", floatfmt=("", ".3g", ".3g")))


if __name__ == "__main__":
    main()
