"""Trained models from elsewhere, by the setting that names them: the folder of a finished run, or published weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import zoo
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.run_config import NAME, read_config
from zoo.recipes.training.state import finished_rows
from zoo.recipes.training.trained import Trained, load_trained


class FinishedRun(NamedTuple):
    """A finished run: where it is, what was trained, its result lines and the environment it was trained in."""

    folder: Path
    recipe: Recipe
    rows: list[dict[str, Any]]
    environment: dict[str, Any]

    @property
    def origin(self) -> dict[str, Any]:
        """Describe the training, for the rows that take it over."""
        known = {f"run_{key}": self.environment.get(key) for key in ("versions", "machine", "command")}
        return {"epochs": self.recipe.epochs, "run_seed": self.recipe.seed, **known}


def finished_run(setting: str, folder: str | Path) -> FinishedRun:
    """Read a finished run.

    Args:
        setting: Name of the setting that asked for it, for the errors.
        folder: Folder that `zoo train` wrote.

    Raises:
        ValueError: If there is no run in the folder, or one that is not finished.
    """
    folder = Path(folder)
    received = f"Received: {setting}={str(folder)!r}"
    if not (folder / "config.json").is_file():
        raise ValueError(f"`{setting}` must be the folder of a run; there is no config.json in it. {received}")
    try:
        recipe, _, environment = read_config(folder)
        rows = finished_rows(folder, recipe.epochs)
    except (ValueError, OSError) as error:
        raise ValueError(
            f"`{setting}` must be the folder of a run; this one's files cannot be read ({error}). {received}"
        ) from error
    if rows is None:
        raise ValueError(f"`{setting}` must be a finished run; this one's state has no results yet. {received}")
    return FinishedRun(folder, recipe, rows, environment)


def finished_runs(setting: str, folder: str | Path) -> list[FinishedRun]:
    """Read every finished run below a folder, in the order of their paths.

    Raises:
        ValueError: If there is no such folder, or none of its runs is finished.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"`{setting}` must be a folder of finished runs. Received: {setting}={str(folder)!r}")
    configs = sorted(folder.rglob("config.json"))
    found = [finished_run(setting, path.parent) for path in configs if _is_finished(path.parent)]
    if not found:
        raise ValueError(f"`{setting}` must be a folder of finished runs. It has none: {setting}={str(folder)!r}")
    return found


def refuse_twins(setting: str, runs: Sequence[tuple[str, Any]]) -> None:
    """Raise a `ValueError` if two runs of one point are the same one, or of one seed: they are one repetition.

    Args:
        setting: Name of the setting that asked for them, for the error.
        runs: Name of each run, and what no two of them may share.
    """
    first: dict[Any, str] = {}
    for name, key in runs:
        if key in first:
            raise ValueError(
                f"`{setting}` must be runs of different seeds, as each counts as a repetition. "
                f"Received: {first[key]!r} and {name!r} of one seed"
            )
        first[key] = name


def _is_finished(folder: Path) -> bool:
    try:
        return finished_rows(folder, read_config(folder).recipe.epochs) is not None
    except ValueError:
        return (folder / "results.jsonl").is_file()  # `finished_run` says what is wrong with it


def trained_options(setting: str, name: str) -> tuple[str, str, dict[str, Any]]:
    """Name of the model, name of the data and the model's options of what `trained_model` builds; same errors."""
    if not is_published(name):
        recipe = finished_run(setting, name).recipe
        return recipe.model, recipe.data, recipe.options
    model, _, weights = name.partition(":")
    rows = [
        row for row in zoo.weights.pretrained.manifest() if row["model"] == model and weights in ("", row["weights"])
    ]
    if len(rows) != 1:
        known = ", ".join(f"{one}:{other}" for one, other in zoo.list_weights())
        raise ValueError(f"`{setting}` must name published weights ({known}). Received: {setting}={name!r}")
    return model, rows[0]["data"], {**rows[0]["defaults"], **rows[0]["options"]}


def is_published(name: str) -> bool:
    """Tell whether a text is a model's name, or one and its weights, and no run's folder: `NAME` or `NAME:WEIGHTS`."""
    return not (Path(name) / NAME).is_file() and name.partition(":")[0] in zoo.list_models()


def trained_model(setting: str, name: str, seed: int | None = None) -> Trained:
    """Build a trained model.

    Args:
        setting: Name of the setting that asked for it, for the errors.
        name: `NAME` (a model's only published weights), `NAME:WEIGHTS`, or the folder of a finished run.
        seed: Seed of the coins.

    Raises:
        ValueError: If it is none of these.
    """
    trained_options(setting, name)
    if not is_published(name):
        return load_trained(name, None, seed)
    model, _, weights = name.partition(":")
    return load_trained(model, weights or None, seed)
