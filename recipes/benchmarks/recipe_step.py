"""Time a training step of a recipe on random images, host work included: what an epoch takes on this machine.

    python -m zoo.recipes.benchmarks.recipe_step RECIPE [--steps 60] [--set KEY=VALUE ...]

The steps are those of `fit` with the recipe's own batches, augmentation and precision, after three that compile. What
a `fit` costs once, seconds on TensorFlow, cancels: the time is the difference of a `fit` of twice
the steps and one of the steps.
"""

import argparse
import time

import keras
import numpy as np

from zoo.data.batches import Batches, fit_input
from zoo.data.datasets import Dataset
from zoo.data.split import Split
from zoo.recipes.training.recipe import find, parse_settings
from zoo.recipes.training.train import build


def random_data(examples: int, shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10) -> Dataset:
    """Random images of all classes, without validation and test."""
    rng = np.random.default_rng(0)
    y = np.arange(examples) % classes
    split = Split(rng.integers(0, 256, (examples, *shape), dtype=np.uint8), y)
    return Dataset(split, Split(split.x[:0], y[:0]), Split(split.x[:0], y[:0]))


def main() -> None:
    """Print milliseconds per step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args()
    recipe = find(arguments.recipe).replace(parse_settings(arguments.set))

    def seconds(model, steps: int) -> float:
        data = random_data(steps * recipe.batch_size)
        batches = Batches(data.train.x, data.train.y, recipe.batch_size, augment=recipe.augment)
        started = time.perf_counter()
        model.fit(fit_input(batches), shuffle=False, verbose=0)
        return time.perf_counter() - started

    model = build(recipe, random_data(45_000))  # the schedule is that of CIFAR's 352 updates an epoch
    compiled = seconds(model, 3)
    once = seconds(model, arguments.steps)
    each = (seconds(model, 2 * arguments.steps) - once) / arguments.steps
    device = keras.distribution.list_devices()[0]
    print(f"{recipe.name}: {1000 * each:.2f} ms a step on {device} ({compiled:.1f} s for the first three)")


if __name__ == "__main__":
    main()
