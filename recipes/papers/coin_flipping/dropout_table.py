"""Dropout CFNNs, Table 3: trained by one flip or by the majority, tested without coins, by the mean or the majority."""

from pathlib import Path

import zoo
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.coin_flipping import TITLE
from zoo.recipes.papers.coin_flipping.dropout_report import write_report
from zoo.recipes.papers.coin_flipping.taken_runs import refuse_same_seeds, tested
from zoo.recipes.training import recipe as registered
from zoo.recipes.training.finished_run import trained_options
from zoo.recipes.training.train import train

_TRAININGS = ("standard", "majority")
_VOTES = {"expected": "standard", "mean": "mean", "majority": "majority"}  # vote -> the table's name of the test
_MODELS = ("resnet20_cfnn", "resnet20_dropout")  # the second is the first trained by one flip
_RECIPES = {"mnist": "digits"}  # data without a recipe of their own -> whose recipe it is
_SETTINGS: Settings = {
    "data": "cifar10",
    "depth": 20,
    "trainings": list(_TRAININGS),
    "epochs": 200,
    "train_flips": 25,
    "flips": 100,
    "repetitions": 3,
    "runs": "runs/dropout",
    "standard_runs": [],
    "majority_runs": [],
}


def _points(settings: Settings) -> list[Row]:
    """Points: one per training, or one per finished run that is taken over in its place."""
    return [
        {"training": training, "taken": run}
        for training in settings["trainings"]
        for run in settings[f"{training}_runs"] or [None]
    ]


def _check(settings: Settings, data_dir: str | None) -> str | None:
    """Refuse finished runs that do not belong to this table, before anything is trained."""
    zoo.build("resnet20_cfnn", depth=settings["depth"])
    for point in _points(settings):
        if point["taken"]:
            _check_taken(settings, **point)
    for key in (f"{training}_runs" for training in settings["trainings"]):
        refuse_same_seeds(key, settings[key])
    return data_dir


def _check_taken(settings: Settings, training: str, taken: str) -> None:
    key = f"{training}_runs"
    name, data, options = trained_options(key, taken)
    if name not in _MODELS:
        raise ValueError(f"`{key}` must be runs of {' or '.join(_MODELS)}. Received: {taken!r}, a run of {name}")
    by_one = name == "resnet20_dropout" or options.get("samples") == 1
    if by_one != (training == "standard"):
        flips = "one flip" if training == "standard" else "several flips"
        raise ValueError(f"`{key}` must be runs trained by {flips}. Received: {taken!r}")
    for what, value in (("data", data), ("depth", options.get("depth", 20))):
        if value != settings[what]:
            raise ValueError(f"`{key}` must be runs with {what}={settings[what]!r}. Received: {taken!r}, {value!r}")


def _run(settings: Settings, point: Row, seed: int, data_dir: str | None) -> list[Row]:
    """Accuracy of one training under the three tests."""
    if point["taken"]:
        options = {"data": settings["data"], "seed": seed, "data_dir": data_dir}
        key = f"{point['training']}_runs"
        rows, more = tested(key, point["taken"], settings["flips"], set(_VOTES), **options)
    else:
        rows, more = _train(settings, point["training"], seed, data_dir), {"epochs": settings["epochs"]}
    found = {_VOTES[row["vote"]]: row for row in rows}
    return [{"test": test, **_accuracy(found[test]), **more} for test in _VOTES.values()]


def _train(settings: Settings, training: str, seed: int, data_dir: str | None) -> list[Row]:
    """Train in a folder of its own, where it also continues after a stop, and return the result lines."""
    name = f"{settings['data']}-depth{settings['depth']}-epochs{settings['epochs']}-seed{seed}"
    folder = Path(settings["runs"]) / name / training
    chosen = {
        "data": settings["data"],
        "depth": settings["depth"],
        "epochs": settings["epochs"],
        "options.samples": 1 if training == "standard" else settings["train_flips"],
        "samples": [settings["flips"]],
        "seed": seed,
    }
    recipe = registered.find(f"resnet20_cfnn_{_RECIPES.get(settings['data'], settings['data'])}").replace(chosen)
    return train(recipe, folder, data_dir=data_dir, resume=True)


def _accuracy(row: Row) -> Row:
    found = {key: row[key] for key in ("model", "data", "split", "samples", "vote", "correct", "n", "low", "high")}
    return {**found, "accuracy": 100 * row["accuracy"]}


_SMALL = {"data": "digits", "depth": 8}

register(
    "cfnn-table3",
    Experiment(
        f"{TITLE}, section 5.2, Table 3",
        budgets(
            _SETTINGS,
            smoke={**_SMALL, "epochs": 1, "train_flips": 3, "flips": 5, "repetitions": 1},
            standard={**_SMALL, "epochs": 30},
        ),
        points=_points,
        run=_run,
        report=write_report,
        prepare=_check,
        choices={"trainings": _TRAININGS, "data": ("cifar10", "cifar100", "digits", "mnist")},
        variants={"data": {"cifar100": {"train_flips": 125}}},
    ),
)
