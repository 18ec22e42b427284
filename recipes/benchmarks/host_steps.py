"""Milliseconds per step of a nearly empty model: what the host takes, and whether the step waits for its batch.

    KERAS_BACKEND=jax python -m zoo.recipes.benchmarks.host_steps [--steps 50] [--rounds 9]

Batches of 128 images of 32x32, a linear model of their mean. "arrays" is `fit(x, y)`; "in line" reads and augments each
batch between two steps, "ahead" in the thread behind the step (`fit_input`, `Split.batches`). A step's time is the
difference of the fastest `fit` of twice the steps and the fastest one of the steps, over interleaved rounds; the last
column is all of the latter, divided by the steps.
"""

import argparse

import keras
import numpy as np
from tabulate import tabulate

from zoo.data.batches import Batches, fit_input
from zoo.recipes.benchmarks.measure import seconds

BATCH = 128
AUGMENT = (None, "crop_flip", "resized_crop_flip")


def build(steps_per_execution: int) -> keras.Model:
    """A model that takes next to no time itself."""
    inputs = keras.Input((32, 32, 3))
    outputs = keras.layers.Dense(10, "softmax")(keras.layers.GlobalAveragePooling2D()(inputs))
    model = keras.Model(inputs, outputs)
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.SGD(0.1), loss, steps_per_execution=steps_per_execution)
    return model


def variants(model: keras.Model, several: keras.Model, x: np.ndarray, y: np.ndarray) -> dict[str, tuple]:
    """Model and function of a number of examples that gives its input, by the name of the variant."""

    def batches(augment):
        return lambda n: Batches(x[:n], y[:n], BATCH, augment=augment)

    found = {"arrays": (model, lambda n: (x[:n], y[:n]))}
    found["arrays, 10 steps per execution"] = (several, lambda n: (x[:n], y[:n]))
    for augment in AUGMENT:
        made = batches(augment)
        found[f"{augment}, in line"] = (model, made)
        found[f"{augment}, ahead"] = (model, lambda n, made=made: fit_input(made(n)))
    made = batches("crop_flip")
    found["crop_flip, ahead, 10 steps per execution"] = (several, lambda n: fit_input(made(n)))
    return found


def fit_seconds(model: keras.Model, given) -> float:
    """Seconds of a `fit` of one epoch."""
    x, y = given if isinstance(given, tuple) else (given, None)
    return seconds(lambda: model.fit(x, y, batch_size=BATCH if y is not None else None, shuffle=False, verbose=0))


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    rng, examples = np.random.default_rng(0), BATCH * arguments.steps
    x, y = rng.integers(0, 256, (2 * examples, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 2 * examples)
    found = variants(build(1), build(10), x, y)
    for model, given in found.values():
        fit_seconds(model, given(examples))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    for _ in range(arguments.rounds):
        for name, (model, given) in found.items():
            times[name].append((fit_seconds(model, given(examples)), fit_seconds(model, given(2 * examples))))
    fastest = {name: 1000 * np.array(own).min(0) / arguments.steps for name, own in times.items()}
    rows = [(name, twice - once, once) for name, (once, twice) in fastest.items()]
    print(f"\nkeras {keras.__version__}, {keras.backend.backend()}, {arguments.steps} steps\n")
    print(tabulate(rows, ["batches", "ms a step", "with all of fit"], tablefmt="github", floatfmt=("", ".2f", ".2f")))


if __name__ == "__main__":
    main()
