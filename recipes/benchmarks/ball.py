"""The ball's two random neurons against NumPy, which draws as many flips by the same law.

    python -m zoo.recipes.benchmarks.ball [--dim 1000] [--points 1000] [--flips 1001] [--rounds 15]

NumPy takes a norm per point, draws a normal product and a gate per flip, and counts; all flips at once, in float32.
The model's flips are counted by `predict_on_batch`. `predict` adds what Keras takes for the same points before any
layer, which the line of a `Dense` layer shows. Interleaved in one process; peaks in processes of their own.
"""

import argparse

import keras
import numpy as np

import zoo
from zoo.recipes.benchmarks.measure import compare, peak_of_process, print_peak_of, table

ALPHA = 0.75


def sides(given: argparse.Namespace) -> dict:
    """Calls by name, each made once; NumPy's first."""
    radius = given.dim**0.5
    x = np.random.default_rng(0).standard_normal((given.points, given.dim), dtype="float32")
    model = zoo.build("ball_cfnn", dim=given.dim, radius=radius, alpha=ALPHA, samples=given.flips, seed=0)
    dense = keras.Sequential([keras.Input((given.dim,)), keras.layers.Dense(2)])
    rng, offset = np.random.default_rng(1), np.float32(zoo.theory.ball_offset(radius, ALPHA))

    def by_numpy():
        shape = given.points, given.flips
        product = np.linalg.norm(x, axis=1)[:, None] * rng.standard_normal(shape, dtype="float32")
        gate = rng.random(shape, dtype="float32") < ALPHA
        return (gate * (product - offset - 1) + 1 > 0).mean(axis=1)

    calls = {
        "NumPy": by_numpy,
        "ball_cfnn": lambda: model.predict_on_batch(x)[:, 1],
        "ball_cfnn, predict in batches of 32": lambda: model.predict(x, verbose=0)[:, 1],
        "Dense(2), predict in batches of 32": lambda: dense.predict(x, verbose=0),
    }
    found = [call() for call in calls.values()]
    for outside in found[1:3]:  # the same law: points whose shares of votes differ by sampling alone
        if abs(float(np.mean(outside - found[0]))) > 5 * (0.5 / given.points / given.flips) ** 0.5:
            raise AssertionError("the two sides have different laws")
    return calls


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("dim", 1000), ("points", 1000), ("flips", 1001), ("rounds", 15)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    given = parser.parse_args()
    calls = sides(given)
    if given.peak:
        print_peak_of(calls[given.peak])
        return
    arguments = [f"--{name}={getattr(given, name)}" for name in ("dim", "points", "flips")]
    peaks = {name: peak_of_process(__file__, *arguments, f"--peak={name}") for name in calls}
    print(table(compare(calls, given.rounds), "NumPy", peaks))


if __name__ == "__main__":
    main()
