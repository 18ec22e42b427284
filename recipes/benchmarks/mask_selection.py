"""The masks of Conv6 alone: topk_mask against sort, top_k and NumPy's partition.

    python -m zoo.recipes.benchmarks.mask_selection [--width 1.0] [--sparsity 0.5] [--rounds 10]

All masks of the network in one compiled call, scores as they are initialised. The variants that sort or select with
the backend's own ops find the same threshold and compare; NumPy's runs on the host, outside any graph.
"""

import argparse
import time

import keras
import numpy as np
from keras import ops
from tabulate import tabulate

import zoo
from zoo.layers.masks import kept, topk_mask, topk_mask_numpy
from zoo.layers.score_masked import masked_layers


def by_sort(scores, sparsity: float):
    """Mask by sorting all scores."""
    flat = ops.reshape(scores, (-1,))
    return ops.cast(scores >= ops.sort(flat)[flat.shape[0] - kept(flat.shape[0], sparsity)], scores.dtype)


def by_top_k(scores, sparsity: float):
    """Mask by the backend's top_k."""
    flat = ops.reshape(scores, (-1,))
    return ops.cast(scores >= ops.top_k(flat, kept(flat.shape[0], sparsity))[0][-1], scores.dtype)


def compiled(function):
    """The function as the backend compiles it."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    import jax

    return jax.jit(function)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--sparsity", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    layers = masked_layers(zoo.build("conv6_iterand", width=arguments.width, seed=0))
    scores = [ops.convert_to_tensor(layer.scores) for layer in layers]
    on_host = [ops.convert_to_numpy(one) for one in scores]
    runs = {
        name: compiled(lambda *all_scores, mask=mask: [mask(one, arguments.sparsity) for one in all_scores])
        for name, mask in (("topk_mask", topk_mask), ("sort", by_sort), ("top_k", by_top_k))
    }
    seconds: dict[str, list[float]] = {name: [] for name in (*runs, "np.partition")}
    expected = [topk_mask_numpy(one, arguments.sparsity) for one in on_host]
    for name, run in runs.items():  # compile, and check that all agree (ours exactly, the others but for ties)
        for found, mask in zip(run(*scores), expected, strict=True):
            assert np.sum(ops.convert_to_numpy(found) != mask) <= (0 if name == "topk_mask" else 5)
    for _ in range(arguments.rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            [ops.convert_to_numpy(ops.reshape(found, (-1,))[0]) for found in run(*scores)]  # waits for all of them
            seconds[name].append(time.perf_counter() - started)
        started = time.perf_counter()
        [topk_mask_numpy(one, arguments.sparsity) for one in on_host]
        seconds["np.partition"].append(time.perf_counter() - started)
    first = np.array(seconds["topk_mask"])
    rows = [(name, 1e3 * np.median(s), np.median(first / np.array(s))) for name, s in seconds.items()]
    print(f"\n{keras.backend.backend()}, keras {keras.__version__}, {sum(one.size for one in on_host):,} scores\n")
    print(tabulate(rows, ["masks by", "median ms", "topk_mask / this"], tablefmt="github", floatfmt=("", ".1f", ".2f")))


if __name__ == "__main__":
    main()
