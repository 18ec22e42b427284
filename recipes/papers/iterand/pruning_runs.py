"""Trainings of the pruning experiments: the recipe of a point, and its run, which may be finished already."""

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.recipes.experiments.experiment import Row, Settings
from zoo.recipes.training import recipe as registered
from zoo.recipes.training.finished_run import FinishedRun, finished_run, finished_runs, refuse_twins
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.train import train
from zoo.registry import find as find_model

NETWORKS = {
    "cifar10": ("conv6", "resnet18", "resnet34"),
    "imagenet2012": ("resnet18", "resnet34", "resnet50", "resnet101"),
}
METHODS = ("sgd", "edge-popup", "iterand")
KERNELS = ("sc", "ku")
CHOICES: dict[str, tuple] = {
    "networks": tuple(dict.fromkeys(name for names in NETWORKS.values() for name in names)),
    "methods": METHODS,
    "kernels": KERNELS,
    "recipes": tuple(NETWORKS),
    "augment": ("", "crop", "crop_flip", "resized_crop_flip"),
}
# `recipes` is a data set of the paper, `data` the one to train on; an empty `augment` is the recipe's own.
SETTINGS: Settings = {
    "recipes": "cifar10",
    "data": "cifar10",
    "augment": "",
    "networks": list(NETWORKS["cifar10"]),
    "epochs": 100,
    "repetitions": 3,
    "runs": "runs/iterand",
    "finished": [],
}
_GREY = {"mean": 0.5, "variance": 0.0625}  # for images with one channel
_RECIPE_KEYS = {"width": "width", "rate": "randomize_rate", "period": "randomize_period"}  # point's -> recipe's


def recipe_of(settings: Settings, point: Row) -> Recipe:
    """Recipe of a point.

    Raises:
        ValueError: If there is none for the network.
    """
    method, network = point["method"], point["network"]
    if network not in NETWORKS[settings["recipes"]]:
        allowed = ", ".join(NETWORKS[settings["recipes"]])
        raise ValueError(f"`networks` must be of {allowed} for {settings['recipes']}. Received: {network!r}")
    kind = "" if method == "sgd" else f"_{method.replace('-', '_')}_{point['kernel']}"
    changes: dict[str, Any] = {"data": settings["data"], "epochs": settings["epochs"]}
    changes |= {"warmup_epochs": 0, "final_epochs": 0} if settings["epochs"] <= 10 else {}
    changes |= {"augment": settings["augment"]} if settings["augment"] else {}
    changes |= _GREY if settings["data"] in ("digits", "mnist", "fashion_mnist") else {}
    changes |= {key: point[name] for name, key in _RECIPE_KEYS.items() if point.get(name) is not None}
    return registered.find(f"{network}{kind}_{settings['recipes']}").replace(changes)


def with_finished(settings: Settings, points: list[Row]) -> list[Row]:
    """Points with the folder of a finished run under "taken", or None; a point is repeated for each of its runs.

    Runs in the folder `runs` are not taken: they are this experiment's own, which it finds there again.

    Raises:
        ValueError: If two runs of a point have the same seed: they are one repetition.
    """
    runs = _elsewhere(settings)
    found = []
    for point in points:
        wanted = _decisive(recipe_of(settings, point)) if runs else None
        same = [run for run in runs if _decisive(run.recipe) == wanted]
        refuse_twins("finished", [(str(run.folder), run.recipe.seed) for run in same])
        found += [{**point, "taken": str(run.folder)} for run in same] or [{**point, "taken": None}]
    return found


def checked(
    points: Callable[[Settings], list[Row]], *, by_epoch: bool = False
) -> Callable[[Settings, str | None], Any]:
    """Make the `prepare` of an experiment with these points: it checks the settings and passes on the data folder.

    Args:
        points: Function of the settings.
        by_epoch: Whether the experiment needs the log.csv of finished runs.

    Returns:
        Function that raises `ValueError`, before anything is trained, if a point has no recipe or the folders under
        `finished` have no run of these points.
    """

    def prepare(settings: Settings, data_dir: str | None) -> str | None:
        _check(settings, points(settings), by_epoch)
        return data_dir

    return prepare


def _check(settings: Settings, points: list[Row], by_epoch: bool) -> None:
    for point in points:
        recipe_of(settings, point)
        if by_epoch and point["taken"] and not (Path(point["taken"]) / "log.csv").is_file():
            raise ValueError(f"`finished` must have runs with their log.csv. Received: {point['taken']!r} without one")
    if settings["finished"] and not any(point["taken"] for point in points):
        known = ", ".join(sorted({run.recipe.name for run in _elsewhere(settings)})) or "none"
        raise ValueError(
            "`finished` must have a run of these settings, which agrees in all but its seed. "
            f"Received: finished={settings['finished']}, with runs of {known} outside runs={settings['runs']!r}"
        )


def _elsewhere(settings: Settings) -> list[FinishedRun]:
    """Finished runs that are not below the folder where this experiment trains."""
    own = Path(settings["runs"]).resolve()
    every = [run for folder in settings["finished"] for run in finished_runs("finished", folder)]
    return [run for run in every if not run.folder.resolve().is_relative_to(own)]


def run(settings: Settings, point: Row, seed: int, data_dir: str | None) -> tuple[Row, list[Row]]:
    """Result of one training, which may be finished already, and its history by epoch."""
    if point["taken"]:
        done = finished_run("finished", point["taken"])
        rows, folder, more = done.rows, done.folder, done.origin
    else:
        recipe = recipe_of(settings, point).replace({"seed": seed})
        names = [f"{key}{value}" for key, value in point.items() if value is not None]
        names = [Path(settings["data"]).name, *names, f"epochs{recipe.epochs}", f"seed{seed}"]
        folder = Path(settings["runs"]) / "-".join(names)
        rows, more = train(recipe, folder, data_dir=data_dir, resume=True), {"epochs": settings["epochs"]}
    (row,) = rows
    history = _history(folder / "log.csv")
    found = {key: row[key] for key in ("model", "data", "split", "correct", "n", "low", "high")}
    last = {"validation": history[-1]["validation"] if history else None}
    return {**found, "accuracy": 100 * row["accuracy"], **last, **more}, history


def _decisive(recipe: Recipe) -> dict[str, Any]:
    """All that decides a training but its seed, with the model's defaults filled in."""
    values = {**dataclasses.asdict(recipe), "options": {**find_model(recipe.model).options, **recipe.options}}
    for key in ("name", "paper", "samples", "seed"):
        values.pop(key)
    return values


def _history(path: Path) -> list[Row]:
    """Accuracy in per cent on training and validation examples, one dict per epoch; none without a log."""
    if not path.is_file():
        return []
    with path.open() as file:
        lines = list(csv.DictReader(file))
    keys = {"train": "accuracy", "validation": "val_accuracy"}
    return [{name: 100 * float(line[key]) if line.get(key) else None for name, key in keys.items()} for line in lines]
