"""The greedy search for the nearest flip, and populations, against what one would write without them.

    python -m zoo.recipes.benchmarks.bit_flips [--bits 256] [--networks 50] [--points 1000] [--rounds 7]

Search: random networks, each from a string of its own. "population" is one call of `probes.nearest_flip`, "network by
network" one call for each, "Keras, forward" the same search where all strings that differ in one bit go through the
whole network in one batch. "PyTorch, forward" does so for all networks that search still, in one batched product per
layer and step; "PyTorch, changes" adds the change of the first layer instead of its product. Evaluation: a population
on the points of a circle, against a loop over its networks. All compiled, interleaved, in one process; peaks of the
searches in processes of their own.
"""

import argparse
import math
from collections.abc import Callable
from functools import cache

import keras
import numpy as np

import zoo
from zoo import probes
from zoo.recipes.benchmarks.measure import compare, peak_of_process, print_peak_of, table, torch_or_none


def networks(given: argparse.Namespace) -> tuple[keras.Model, Callable[[], list[keras.Model]], np.ndarray]:
    """A population, a function that makes the same networks one by one, once, and a string for each."""
    options = {"dim": given.bits, "width": given.bits, "depth": 2, "activation": "relu", "sigma_w": math.sqrt(2)}
    population = zoo.build("random_mlp", networks=given.networks, seed=0, **options)

    @cache
    def one_by_one() -> list[keras.Model]:
        models = [zoo.build("random_mlp", seed=0, **options) for _ in range(given.networks)]
        for network, model in enumerate(models):
            model.set_weights([w[network] for w in population.get_weights()])
        return models

    x = np.random.default_rng(0).choice([-1.0, 1.0], (given.networks, given.bits)).astype("float32")
    return population, one_by_one, x


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


def by_torch(torch, population: keras.Model, x: np.ndarray, changes: bool) -> np.ndarray:
    """The greedy search of all networks, a batched forward per step; networks that are done leave the batch."""
    layers = [torch.tensor(kernel) for kernel in population.get_weights()]
    strings, left = torch.tensor(x), torch.arange(len(x))
    found, free = torch.full((len(x),), -1), torch.ones(x.shape, dtype=torch.bool)
    flips = 1 - 2 * torch.eye(x.shape[1])

    def outputs(z, kernels):
        for kernel in kernels:
            z = torch.bmm(torch.relu(z), kernel)
        return z[..., 0]

    with torch.no_grad():
        positive = outputs(torch.bmm(strings[:, None], layers[0]), layers[1:])[:, 0] > 0
        for distance in range(1, x.shape[1] + 1):
            if changes:
                z = torch.bmm(strings[:, None], layers[0]) - 2 * strings[:, :, None] * layers[0]
            else:
                z = torch.bmm(strings[:, None] * flips, layers[0])
            y = outputs(z, layers[1:])
            lowest, best = torch.where(free, torch.where(positive[:, None], y, -y), torch.inf).min(dim=1)
            changed = torch.where(positive, lowest <= 0, lowest < 0)
            found[left[changed]] = distance
            rows = torch.arange(len(strings))
            strings[rows, best] *= -1
            free[rows, best] = False
            if changed.any():
                strings, free, positive, left = (one[~changed] for one in (strings, free, positive, left))
                layers = [kernel[~changed] for kernel in layers]
            if not len(left):
                break
    return found.numpy()


def searches(given: argparse.Namespace) -> dict[str, Callable[[], np.ndarray]]:
    """Searches by name, of the same networks from the same strings."""
    population, one_by_one, x = networks(given)

    def each(search: Callable) -> np.ndarray:
        return np.array([search(model, string) for model, string in zip(one_by_one(), x, strict=True)])

    calls = {
        "population": lambda: probes.nearest_flip(population, x[None], networks=True)[0],
        "network by network": lambda: each(lambda model, string: probes.nearest_flip(model, string[None])[0]),
        "Keras, forward": lambda: each(whole_forward),
    }
    if torch := torch_or_none():
        calls["PyTorch, forward"] = lambda: by_torch(torch, population, x, changes=False)
        calls["PyTorch, changes"] = lambda: by_torch(torch, population, x, changes=True)
    return calls


def check(calls: dict[str, Callable[[], np.ndarray]]) -> None:
    """Make every call once, and raise an `AssertionError` if one finds other distances in a tenth of the networks."""
    found = {name: call() for name, call in calls.items()}
    for name, distances in found.items():
        different = int(np.sum(distances != found["population"]))
        if different > len(distances) // 10:
            raise AssertionError(f"{name} finds other distances for {different} networks")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("bits", 256), ("networks", 50), ("points", 1000), ("rounds", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    given = parser.parse_args()
    calls = searches(given)
    if given.peak:
        calls[given.peak]()
        print_peak_of(calls[given.peak])
        return
    check(calls)
    arguments = [f"--{name}={getattr(given, name)}" for name in ("bits", "networks")]
    peaks = {name: peak_of_process(__file__, *arguments, f"--peak={name}") for name in calls}
    print(
        table(compare(calls, given.rounds), "PyTorch, forward" if "PyTorch, forward" in calls else "population", peaks)
    )

    population, one_by_one, _ = networks(given)
    first, second = np.random.default_rng(1).standard_normal((2, given.bits))
    circle = probes.great_circle(first, second, given.points)
    evaluations = {
        "population": lambda: population.predict_on_batch(circle),
        "loop": lambda: [model.predict_on_batch(circle) for model in one_by_one()],
    }
    print("\n" + table(compare(evaluations, given.rounds), "loop"))


if __name__ == "__main__":
    main()
