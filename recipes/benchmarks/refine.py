"""Sampling by `probes.refine` against a grid of a million equal steps: transitions that are seen, points and time.

    python -m zoo.recipes.benchmarks.refine [--grid 1000000] [--seeds 2] [--tolerance 0.01]

Random hard-tanh networks, sign transitions of all hidden layers along a great circle, after one call that compiles.
"""

import argparse

import numpy as np
from tabulate import tabulate

import zoo
from zoo import probes
from zoo.recipes.benchmarks.measure import seconds

NETWORKS = ((2.0, 8, 64), (4.0, 6, 64), (4.0, 8, 32), (2.0, 4, 256))  # sigma_w, depth, width


def circle(t):
    """The whole great circle through two axes."""
    return probes.great_circle([1.0, 0, 0], [0, 1.0, 0], t, turns=1)


def line(sigma_w: float, depth: int, width: int, seed: int, given: argparse.Namespace) -> tuple:
    """A line of the table."""
    model = zoo.build("random_mlp", dim=3, width=width, depth=depth, sigma_w=sigma_w, seed=seed)
    layers = [f"hidden_{number}" for number in range(1, depth + 1)]
    found = {}

    def by_grid():
        found["grid"] = probes.transitions(model, circle(given.grid), layers, batch_size=2**13)

    def refined():
        found["t"] = probes.refine(model, circle, layers, tolerance=given.tolerance)
        found["refined"] = probes.transitions(model, circle(found["t"]), layers)

    refined()
    times = [seconds(refined), seconds(by_grid)]
    counts = np.array([list(found[key].values()) for key in ("refined", "grid")])
    worst = float((counts[0] / counts[1] - 1)[np.abs(counts[0] / counts[1] - 1).argmax()])
    points = len(found["t"])
    return (
        sigma_w,
        depth,
        width,
        seed,
        counts[1].sum(),
        counts[0].sum(),
        f"{100 * worst:.2f} %",
        points,
        times[1] / times[0],
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=int, default=10**6)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--tolerance", type=float, default=0.01)
    given = parser.parse_args()
    lines = [line(*network, seed, given) for network in NETWORKS for seed in range(given.seeds)]
    heads = ["sigma_w", "depth", "width", "seed", "grid", "refined", "worst layer", "points", "time of grid / refined"]
    print(tabulate(lines, heads, tablefmt="github", floatfmt=".3g"))


if __name__ == "__main__":
    main()
