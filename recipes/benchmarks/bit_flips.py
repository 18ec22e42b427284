"""The greedy search for the nearest flip, and populations, against what one would write without them.

    python -m zoo.recipes.benchmarks.bit_flips [--bits 256] [--networks 50] [--points 1000] [--rounds 3] [--alone 200]

Search: random networks, each from a string of its own. "population" is one call of `probes.nearest_flip`, "network by
network" one call for each, "whole forward" the same search where all strings that differ in one bit go through the
whole network in one batch, "one candidate" where each goes alone: that one is timed on `alone` strings, times the
number of strings that the search looks at. Evaluation: a population on the points of a circle, against a loop over its
networks. All compiled, interleaved, in one process; the peak in a process of its own, where only the population is.
"""

import argparse
import math

import keras
import numpy as np
from tabulate import tabulate

import zoo
from zoo import probes
from zoo.recipes.benchmarks.measure import peak_of_process, print_peak_of, seconds


def networks(given: argparse.Namespace, alone: bool = True) -> tuple[keras.Model, list[keras.Model], np.ndarray]:
    """A population, the same networks one by one, and a string for each."""
    options = {"dim": given.bits, "width": given.bits, "depth": 2, "activation": "relu", "sigma_w": math.sqrt(2)}
    population = zoo.build("random_mlp", networks=given.networks, seed=0, **options)
    models = []
    for network in range(given.networks if alone else 0):
        models.append(zoo.build("random_mlp", seed=0, **options))
        models[-1].set_weights([w[network] for w in population.get_weights()])
    x = np.random.default_rng(0).choice([-1.0, 1.0], (given.networks, given.bits)).astype("float32")
    return population, models, x


def whole_forward(model: keras.Model, string: np.ndarray) -> int:
    """The greedy search with every candidate through the whole network, in one batch."""
    string, flips = string.copy(), 1 - 2 * np.eye(len(string), dtype="float32")
    free = np.ones(len(string), bool)
    positive = model.predict_on_batch(string[None])[0, 0] > 0
    for distance in range(1, len(string) + 1):
        outputs = model.predict_on_batch(string * flips)[:, 0]
        best = int(np.where(free, outputs if positive else -outputs, np.inf).argmin())
        if (outputs[best] > 0) != positive:
            return distance
        string[best], free[best] = -string[best], False
    return -1


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("bits", 256), ("networks", 50), ("points", 1000), ("rounds", 3), ("alone", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        population, _, x = networks(given, alone=False)
        print_peak_of(lambda: probes.nearest_flip(population, x[None], networks=True))
        return
    population, models, x = networks(given)
    found = probes.nearest_flip(population, x[None], networks=True)[0]

    def by_network():
        return [probes.nearest_flip(model, string[None])[0] for model, string in zip(models, x, strict=True)]

    def whole():
        return [whole_forward(model, string) for model, string in zip(models, x, strict=True)]

    def one_candidate():
        for string in np.repeat(x, -(-given.alone // len(x)), axis=0)[: given.alone]:
            models[0].predict_on_batch(string[None])

    for search in (by_network, whole):
        different = int(np.sum(np.array(search()) != found))
        if different > len(found) // 10:
            raise AssertionError(f"{search.__name__} finds other distances for {different} networks")
    one_candidate()
    scale = [1, 1, 1, int(np.sum(np.where(found > 0, found, given.bits))) * given.bits / given.alone]
    searches = [lambda: probes.nearest_flip(population, x[None], networks=True), by_network, whole, one_candidate]
    times = np.array([[seconds(run) for run in searches] for _ in range(given.rounds)]) * scale
    names = ["population", "network by network", "whole forward", "one candidate"]
    lines = [(name, np.median(times[:, i]), np.median(times[:, i] / times[:, 0])) for i, name in enumerate(names)]
    print(tabulate(lines, ["search", "seconds", "of population"], tablefmt="github", floatfmt=".3g"))

    first, second = np.random.default_rng(1).standard_normal((2, given.bits))
    circle = probes.great_circle(first, second, given.points)
    for model in (population, *models):
        model.predict_on_batch(circle)
    calls = [lambda: population.predict_on_batch(circle), lambda: [model.predict_on_batch(circle) for model in models]]
    times = np.array([[seconds(run) for run in calls] for _ in range(given.rounds)])
    lines = [
        (name, np.median(times[:, i]), np.median(times[:, i] / times[:, 0]))
        for i, name in enumerate(("population", "loop"))
    ]
    print("\n" + tabulate(lines, ["evaluation", "seconds", "of population"], tablefmt="github", floatfmt=".3g"))

    arguments = [f"--{name}={getattr(given, name)}" for name in ("bits", "networks")]
    weights = sum(w.size for w in population.get_weights()) * 4 / 2**20
    peak = peak_of_process(__file__, *arguments, "--peak")
    print(f"\nPeak of the search above what was held before: {peak:.0f} MiB; the weights take {weights:.0f} MiB.")


if __name__ == "__main__":
    main()
