"""Cost of generated weights: hypernet_cfnn against hypernet_deterministic, a training step and inference.

    python -m zoo.recipes.benchmarks.hypernet [--depth 6] [--batch 128] [--rounds 9]

Calls are interleaved in one process and compared as ratios; the deterministic network has the same N_e.
"""

import argparse

import keras
import numpy as np
from tabulate import tabulate

import zoo
from zoo.recipes.benchmarks.measure import seconds


def compiled(name: str, depth: int) -> keras.Model:
    """The network with the paper's optimizer and weight decay."""
    model = zoo.build(name, depth=depth, weight_decay=5e-3, seed=0)
    model.compile(keras.optimizers.SGD(0.1, 0.9), "sparse_categorical_crossentropy")
    return model


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (arguments.batch, 32, 32, 3)).astype("uint8")
    y = rng.integers(0, 10, arguments.batch)
    drawn, fixed = (compiled(name, arguments.depth) for name in ("hypernet_cfnn", "hypernet_deterministic"))
    hundred = zoo.amplify(drawn, 100)
    pairs = {
        "training step, 25 draws": (lambda: drawn.train_on_batch(x, y), lambda: fixed.train_on_batch(x, y)),
        "inference, 25 draws": (lambda: drawn.predict_on_batch(x), lambda: fixed.predict_on_batch(x)),
        "inference, 100 draws": (lambda: hundred.predict_on_batch(x), lambda: fixed.predict_on_batch(x)),
    }
    rows = []
    for name, runs in pairs.items():
        for run in runs:
            run()
        one, other = np.transpose([[seconds(run) for run in runs] for _ in range(arguments.rounds)])
        rows.append((name, 1e3 * np.median(one), 1e3 * np.median(other), np.median(one / other)))
    print(f"\n{keras.backend.backend()}, keras {keras.__version__}, depth {arguments.depth}, batch {arguments.batch}\n")
    header = ["", "hypernet_cfnn ms", "deterministic ms", "ratio"]
    print(tabulate(rows, header, "github", floatfmt=("", ".0f", ".0f", ".2f")))


if __name__ == "__main__":
    main()
