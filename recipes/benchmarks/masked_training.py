"""Cost of masks: a training step, its memory, the redraws of an epoch, and inference, against the dense network.

    python -m zoo.recipes.benchmarks.masked_training [--network conv6] [--width 1.0] [--batch 128] [--rounds 5]

Steps are interleaved in one process and compared as ratios; peak memory is that of a process of its own per variant,
above what it held before its second step, with glibc told to give freed blocks back (MALLOC_MMAP_THRESHOLD_).
"""

import argparse
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from tabulate import tabulate

import zoo
from zoo.layers import RandomizePruned
from zoo.recipes.benchmarks.measure import peak_of_process, print_peak_of, seconds

VARIANTS = ("dense", "edge_popup")


def compiled(network: str, variant: str, width: float) -> keras.Model:
    """The network with the paper's optimizer."""
    model = zoo.build(network if variant == "dense" else f"{network}_{variant}", width=width, seed=0)
    model.compile(keras.optimizers.SGD(0.01, 0.9), "sparse_categorical_crossentropy")
    return model


def inference(network: str, width: float, rounds: int) -> list[tuple]:
    """Exported SavedModels, one image and 32: median latency and the ratio to the dense network's."""
    import tensorflow as tf

    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        served = {}
        for variant in VARIANTS:
            zoo.export(compiled(network, variant, width), Path(scratch) / variant)
            served[variant] = tf.saved_model.load(str(Path(scratch) / variant))
        for images in (1, 32):
            x = tf.zeros((images, 32, 32, 3), "uint8")
            for one in served.values():
                one.serve(x)
            times = [
                [seconds(lambda one=one, x=x: one.serve(x).numpy()) for one in served.values()] for _ in range(rounds)
            ]
            dense, masked = np.transpose(times)
            rows.append((f"exported, {images} images", f"{1e3 * np.median(masked):.1f}", np.median(masked / dense)))
    return rows


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="conv6")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (arguments.batch, 32, 32, 3)).astype("uint8"), rng.integers(0, 10, arguments.batch)
    if arguments.memory_of:
        model = compiled(arguments.network, arguments.memory_of, arguments.width)
        model.train_on_batch(x, y)
        print_peak_of(lambda: model.train_on_batch(x, y))
        return
    models = {variant: compiled(arguments.network, variant, arguments.width) for variant in VARIANTS}
    for model in models.values():
        model.train_on_batch(x, y)
    times = [[seconds(lambda m=m: m.train_on_batch(x, y)) for m in models.values()] for _ in range(arguments.rounds)]
    dense, masked = np.transpose(times)
    rows = [("training step", f"{1e3 * np.median(masked):.0f}", np.median(masked / dense))]
    callback = RandomizePruned(1, 0.1, seed=0)
    callback.set_model(models["edge_popup"])
    redraw = np.median([seconds(lambda i=i: callback._randomize(i + 1)) for i in range(arguments.rounds)])
    steps = 352  # of an epoch of 45,000 images; one redraw in 300 updates
    share = redraw / 300 / np.median(masked)
    rows.append((f"redraw, per epoch of {steps} steps", f"{1e3 * redraw * steps / 300:.0f}", share))
    peaks = [peak_of_process(__file__, *sys.argv[1:], "--memory-of", variant) for variant in VARIANTS]
    rows += inference(arguments.network, arguments.width, 20)
    settings = f"{arguments.network}, width {arguments.width}, batch {arguments.batch}, {arguments.rounds} rounds"
    print(f"\n{keras.backend.backend()}, keras {keras.__version__}, {settings}\n")
    print(tabulate(rows, ["edge-popup", "median ms", "of dense (redraw: of the steps)"], "github", floatfmt=".3f"))
    print(f"\npeak memory of a step: dense {peaks[0]:.0f} MiB, edge-popup {peaks[1]:.0f} MiB")


if __name__ == "__main__":
    main()
