"""Dropout CFNNs, Table 3: trained by one flip or by the majority, tested without coins, by the mean or the majority."""

from pathlib import Path

import zoo
from zoo.data.datasets import load
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.coin_flipping import TITLE
from zoo.recipes.papers.coin_flipping.dropout_report import write_report
from zoo.recipes.training import recipe as registered
from zoo.recipes.training.evaluate import evaluate
from zoo.recipes.training.finished_run import (
    finished_run,
    is_published,
    refuse_twins,
    trained_model,
    trained_options,
)
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
        refuse_twins(key, [(run, _seed(key, run)) for run in settings[key]])
    return data_dir


def _seed(key: str, taken: str) -> int | str:
    """Seed of a run, or the name of published weights, which know no other."""
    return taken if is_published(taken) else finished_run(key, taken).recipe.seed


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
        rows, more = _taken_rows(settings, point, seed, data_dir)
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


def _taken_rows(settings: Settings, point: Row, seed: int, data_dir: str | None) -> tuple[list, Row]:
    """Result lines of a finished run: its own if it was tested with as many flips, otherwise new ones."""
    key, name = f"{point['training']}_runs", point["taken"]
    more: Row = {"epochs": None}
    if not is_published(name):
        run = finished_run(key, name)
        more = run.origin
        rows = [row for row in run.rows if row["vote"] == "expected" or row["samples"] == settings["flips"]]
        if {row["vote"] for row in rows} == set(_VOTES):
            return rows, more
    built = trained_model(key, name, seed)
    data = load(settings["data"], data_dir)
    return evaluate(built.model, data.test, [settings["flips"]], data=settings["data"], seed=seed), more


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
