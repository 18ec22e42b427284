"""Cost of generated weights: hypernet_cfnn against hypernet_deterministic, a training step and inference.

    python -m zoo.recipes.benchmarks.hypernet [--depth 6] [--batch 128] [--rounds 9]

Calls are interleaved in one process and compared as ratios of wall and CPU time; the deterministic network has the same
N_e.
"""

import argparse

import keras

import zoo
from zoo.recipes.benchmarks.measure import compare, random_images, table


def compiled(name: str, depth: int) -> keras.Model:
    """The network with the paper's optimizer and weight decay."""
    model = zoo.build(name, depth=depth, weight_decay=5e-3, seed=0)
    model.compile(keras.optimizers.SGD(0.1, 0.9), "sparse_categorical_crossentropy")
    return model


def main() -> None:
    """Measure and print a Markdown table of each call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    x, y = random_images(arguments.batch)
    drawn, fixed = (compiled(name, arguments.depth) for name in ("hypernet_cfnn", "hypernet_deterministic"))
    hundred = zoo.amplify(drawn, 100)
    pairs = {
        "training step, 25 draws": (lambda: drawn.train_on_batch(x, y), lambda: fixed.train_on_batch(x, y)),
        "inference, 25 draws": (lambda: drawn.predict_on_batch(x), lambda: fixed.predict_on_batch(x)),
        "inference, 100 draws": (lambda: hundred.predict_on_batch(x), lambda: fixed.predict_on_batch(x)),
    }
    for name, (one, other) in pairs.items():
        times = compare({"hypernet_cfnn": one, "deterministic": other}, arguments.rounds)
        print(f"\n{name}, depth {arguments.depth}, batch {arguments.batch}: {table(times, 'deterministic')}")


if __name__ == "__main__":
    main()
