"""Trainings from elsewhere in place of a table's own: the folders of finished runs, or published weights."""

from collections.abc import Sequence
from typing import Any

from zoo.recipes.experiments.experiment import Row
from zoo.recipes.training.data_to_evaluate import data_to_evaluate
from zoo.recipes.training.evaluate import evaluate
from zoo.recipes.training.finished_run import finished_run, is_published, refuse_twins, trained_model


def refuse_same_seeds(setting: str, runs: Sequence[str]) -> None:
    """Raise a `ValueError` if two runs of one cell have the same seed: they are one repetition.

    Args:
        setting: Name of the setting that has them, for the error.
        runs: Folders of finished runs, or published weights, which know no seed but their name.
    """
    seeds = [run if is_published(run) else finished_run(setting, run).recipe.seed for run in runs]
    refuse_twins(setting, list(zip(runs, seeds, strict=True)))


def tested(
    setting: str, run: str, flips: int, votes: set[str], *, data: str, seed: int, data_dir: str | None
) -> tuple[list[Row], dict[str, Any]]:
    """Result lines of a run, its own if it was tested by as many flips, otherwise new ones; and how it was trained.

    Args:
        setting: Name of the setting that has it, for errors.
        run: Folder of a finished run, or published weights.
        flips: Flips of the votes.
        votes: Votes that are wanted: "majority", "mean", "expected", or "none" of a model without coins.
        data: Name of the data it is tested on.
        seed: Seed of the coins where it is tested here.
        data_dir: Folder of the data, or None.

    Returns:
        Lines as `zoo evaluate` writes them, and columns that say what is known of the training.
    """
    origin: dict[str, Any] = {"epochs": None}
    if not is_published(run):
        found = finished_run(setting, run)
        origin = found.origin
        rows = [row for row in found.rows if row["vote"] in ("expected", "none") or row["samples"] == flips]
        if votes <= {row["vote"] for row in rows}:
            return rows, origin
    trained = trained_model(setting, run, seed)
    test = data_to_evaluate(trained, data, data_dir).test
    return evaluate(trained.model, test, [flips], data=data, seed=seed), origin
