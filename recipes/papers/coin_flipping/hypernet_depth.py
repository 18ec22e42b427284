"""Hypernetwork CFNN against its baseline and ablations over the depth of N_e: Tables 1, 2 and 4."""

from functools import partial
from pathlib import Path

from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.coin_flipping import TITLE
from zoo.recipes.reporting.folders import in_turn
from zoo.recipes.reporting.sweep import write_report
from zoo.recipes.training import recipe as registered
from zoo.recipes.training.train import train

_METHODS = ("cfnn", "deterministic", "frozen")
_MODELS = {"cfnn": "hypernet_cfnn", "deterministic": "hypernet_deterministic", "frozen": "hypernet_deterministic"}
_NAMES = {"depth": "layers of the embedding network", "accuracy": "test accuracy, %"}
_SETTINGS: Settings = {
    "data": "cifar10",
    "depths": [2, 6, 10, 14, 20],
    "methods": list(_METHODS),
    "epochs": 200,
    "warmup_epochs": 0.6,
    "flips": 100,
    "repetitions": 3,
    "runs": "runs/hypernet",
}


def _points(settings: Settings) -> list[Row]:
    return [{"depth": depth, "method": method} for depth in settings["depths"] for method in settings["methods"]]


def _run(settings: Settings, point: Row, seed: int, data_dir: str | None) -> list[Row]:
    """Accuracy of one training; for the CFNN also that of its mean weights ("average weight" in Table 4)."""
    results = {row["vote"]: row for row in _train(settings, point, seed, data_dir)}
    if point["method"] != "cfnn":
        return [_accuracy(results["none"])]
    return [_accuracy(results["majority"]), {"method": "average weight", **_accuracy(results["expected"])}]


def _train(settings: Settings, point: Row, seed: int, data_dir: str | None) -> list[Row]:
    """Train in a folder of its own, where it also continues after a stop, and return the result lines."""
    depth, method = point["depth"], point["method"]
    folder = Path(settings["runs"]) / f"{settings['data']}-depth{depth}-epochs{settings['epochs']}-seed{seed}"
    changes = {"depth": depth, "seed": seed, **{key: settings[key] for key in ("epochs", "warmup_epochs")}}
    if method == "cfnn":
        changes["samples"] = [settings["flips"]]
    if method == "frozen":
        _train(settings, {**point, "method": "cfnn"}, seed, data_dir)  # its embedding is taken
        changes["frozen_from"] = str(folder / "cfnn")
    recipe = registered.find(f"{_MODELS[method]}_{settings['data']}").replace(changes)
    if method != "cfnn":
        return train(recipe, folder / method, data_dir=data_dir, resume=True)
    with in_turn(folder):  # another shard may want the same training, for its own row or for the frozen embedding
        return train(recipe, folder / method, data_dir=data_dir, resume=True)


def _accuracy(row: Row) -> Row:
    found = {key: row[key] for key in ("model", "data", "split", "samples", "vote", "correct", "n", "low", "high")}
    return {**found, "accuracy": 100 * row["accuracy"], "error": 1 - row["accuracy"]}


register(
    "hypernet-depth",
    Experiment(
        f"{TITLE}, Tables 1, 2 and 4",
        budgets(
            _SETTINGS,
            smoke={"data": "digits", "depths": [2], "epochs": 1, "warmup_epochs": 0.5, "flips": 5, "repetitions": 1},
            standard={"depths": [6], "epochs": 40, "repetitions": 1},
        ),
        points=_points,
        run=_run,
        report=partial(write_report, sweep="depth", measure="accuracy", names=_NAMES),
        prepare=lambda settings, data_dir: data_dir,
        choices={"methods": _METHODS, "data": ("cifar10", "cifar100", "digits")},
        variants={"data": {"cifar100": {"depths": [6, 10, 14, 20, 56]}}},
    ),
)
