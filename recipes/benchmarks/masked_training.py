"""Cost of masks: a training step, its memory, a redraw, and inference, against the dense network.

    python -m zoo.recipes.benchmarks.masked_training [--network conv6] [--width 1.0] [--batch 128] [--rounds 5]

Steps are interleaved in one process and compared as ratios; peak memory is that of a process of its own per variant,
above what it held before its second step, with glibc told to give freed blocks back (MALLOC_MMAP_THRESHOLD_). Redraws
of all layers at rate 0.1 are compared with what IteRand's code does with PyTorch: a kernel of fresh uniform weights, a
mask by kthvalue, a coin for every weight, and a choice between old and new.
"""

import argparse
import math
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from tabulate import tabulate

import zoo
from zoo.layers import RandomizePruned
from zoo.layers.initializers import fan_in
from zoo.layers.score_masked import masked_layers
from zoo.recipes.benchmarks.mask_selection import by_torch
from zoo.recipes.benchmarks.measure import (
    compare,
    peak_of_process,
    print_peak_of,
    random_images,
    seconds,
    table,
    torch_or_none,
)

VARIANTS = ("dense", "edge_popup")
RATE = 0.1


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


def redraws(model: keras.Model) -> dict:
    """Calls that redraw the pruned weights of all layers, by name."""
    callback = RandomizePruned(1, RATE, seed=0)
    callback.set_model(model)
    calls = {"RandomizePruned": lambda: callback._randomize(1)}
    if torch := torch_or_none():
        layers = masked_layers(model)
        values = [
            [torch.tensor(keras.ops.convert_to_numpy(v)) for v in (layer.kernel, layer.scores)] for layer in layers
        ]

        def with_torch() -> None:
            for layer, (kernel, scores) in zip(layers, values, strict=True):
                bound = math.sqrt(6 / fan_in(tuple(kernel.shape)))
                fresh = torch.empty_like(kernel).uniform_(-bound, bound)
                ranked = scores.abs() if layer.score_transform == "abs" else scores
                coins = torch.bernoulli(torch.full_like(kernel, RATE))
                chosen = coins * (1 - by_torch(torch, ranked, layer.sparsity))
                kernel.copy_(torch.where(chosen > 0, fresh, kernel))

        calls["PyTorch, as IteRand"] = with_torch
    return calls


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="conv6")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    x, y = random_images(arguments.batch)
    if arguments.memory_of:
        model = compiled(arguments.network, arguments.memory_of, arguments.width)
        model.train_on_batch(x, y)
        print_peak_of(lambda: model.train_on_batch(x, y))
        return
    models = {variant: compiled(arguments.network, variant, arguments.width) for variant in VARIANTS}
    for model in models.values():
        model.train_on_batch(x, y)
    steps = {name: lambda m=model: m.train_on_batch(x, y) for name, model in models.items()}
    uniform = {"width": arguments.width, "kernel_initializer": "kaiming_uniform"}
    redraw = redraws(zoo.build(f"{arguments.network}_iterand", seed=0, **uniform))
    peaks = [peak_of_process(__file__, *sys.argv[1:], "--memory-of", variant) for variant in VARIANTS]
    print(f"\n{arguments.network}, width {arguments.width}, batch {arguments.batch}: a training step, on")
    print(table(compare(steps, arguments.rounds), "dense", dict(zip(VARIANTS, peaks, strict=True))))
    print(f"\na redraw of all layers at rate {RATE}, on")
    print(table(compare(redraw, max(arguments.rounds, 7)), list(redraw)[-1]))
    rows = inference(arguments.network, arguments.width, 20)
    print("\n" + tabulate(rows, ["edge-popup", "median ms", "/ dense"], "github", floatfmt=".3f"))


if __name__ == "__main__":
    main()
