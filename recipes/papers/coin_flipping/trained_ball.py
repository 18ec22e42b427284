"""Learned ball: random networks of growing width against deterministic two-layer networks, in growing dimensions.

Points have a norm uniform on [0, 2], in a random direction; the classes are inside and outside of the unit ball. Both
networks learn from the same points by Adam; the random one is measured at several numbers of flips.
"""

from pathlib import Path

import keras
import numpy as np

import zoo
from zoo.layers.seeds import layer_seeds
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.experiments.fit_epochs import compiled, fit_epochs
from zoo.recipes.papers.coin_flipping import TITLE
from zoo.recipes.reporting.sweep import plot_sweep, write_report

_NAMES = {
    "units": "units of the hidden layer",
    "flips": "flips that vote",
    "error": "wrong test points, share",
}
_SETTINGS: Settings = {
    "dims": [2, 5, 10, 20, 50],
    "methods": ["stochastic", "deterministic"],
    "units": [1, 2, 4, 8, 16, 32],
    "flips": [1, 11, 101, 1001],
    "training_flips": 25,
    "scale": 1.0,
    "examples": 10_000,
    "test_examples": 5000,
    "epochs": 40,
    "batch_size": 100,
    "learning_rate": 0.01,
    "repetitions": 3,
}
_SMOKE: Settings = {
    **{"dims": [2], "units": [2], "flips": [1, 11], "examples": 500, "test_examples": 200, "epochs": 1},
    "repetitions": 1,
}


def _points(settings: Settings) -> list[Row]:
    return [
        {"dim": dim, "method": method, "units": units}
        for dim in settings["dims"]
        for units in settings["units"]
        for method in settings["methods"]
    ]


def _ball(dim: int, count: int, *key: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and their classes, 0 inside and 1 outside of the unit ball."""
    rng = np.random.default_rng(key)
    x = rng.standard_normal((count, dim))
    norm = rng.uniform(0, 2, count)
    return (x * (norm / np.linalg.norm(x, axis=1))[:, None]).astype("float32"), (norm > 1).astype("int64")


def _network(settings: Settings, seed: int) -> keras.Model:
    if settings["method"] == "stochastic":
        options = {"hidden": (settings["units"],), "scale": settings["scale"], "samples": settings["training_flips"]}
        return zoo.build("stochastic_mlp", dim=settings["dim"], **options, seed=seed)
    seeds = layer_seeds(seed)
    glorot = keras.initializers.GlorotUniform
    hidden = keras.layers.Dense(settings["units"], "relu", kernel_initializer=glorot(next(seeds)))
    logits = keras.layers.Dense(2, "softmax", kernel_initializer=glorot(next(seeds)))
    return keras.Sequential([keras.Input((settings["dim"],)), hidden, logits])


def _run(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    """Train one network; a row per number of flips, or a single one if the network is deterministic."""
    settings = {**settings, **point}
    train = _ball(settings["dim"], settings["examples"], seed, 0)
    x, y = _ball(settings["dim"], settings["test_examples"], seed, 1)
    optimizer = keras.optimizers.Adam(settings["learning_rate"])
    model = compiled(_network(settings, seed), optimizer, "sparse_categorical_crossentropy")
    batches = {"epochs": settings["epochs"], "batch_size": settings["batch_size"], "seed": seed}
    loss = fit_epochs(model, lambda epoch: ((train[0],), train[1]), **batches)
    more = {"train_loss": loss, "parameters": model.count_params()}
    if settings["method"] == "deterministic":
        accuracy = float(np.mean(model.predict(x, batch_size=1000, verbose=0).argmax(axis=1) == y))
        return [{"network": "deterministic", "flips": None, "error": 1 - accuracy, **more}]
    found = zoo.random_accuracy(model, x, y, settings["flips"], batch_size=100)
    return [
        {"network": f"flips {n}", "flips": n, "error": 1 - one.accuracy, **more}
        for n, one in zip(settings["flips"], found, strict=True)
    ]


def _report(rows: list[Row], out: Path) -> None:
    """Draw the error over the units of the hidden layer, and over flips, a panel for every dimension."""
    write_report(rows, out, sweep="units", measure="error", series=("network",), panels="dim", log="xy", names=_NAMES)
    drawn = [row for row in rows if row["method"] == "stochastic"]
    if drawn:
        options = {
            "sweep": "flips",
            "measure": "error",
            "series": ("units",),
            "panels": "dim",
            "log": "xy",
            "names": _NAMES,
        }
        plot_sweep(drawn, out / "flips.png", **options)


register(
    "ball-trained",
    Experiment(
        f"{TITLE}, section 3 against a trained counterpart",
        budgets(_SETTINGS, smoke=_SMOKE),
        points=_points,
        run=_run,
        report=_report,
        choices={"methods": ("stochastic", "deterministic")},
    ),
)
