"""Runs of an experiment, in their order, and the rows that a run left."""

from collections.abc import Iterable

from zoo.recipes.experiments.experiment import Experiment, Row, Settings

Run = tuple[Row, int]  # a point and the number of its repetition


def runs_of(experiment: Experiment, settings: Settings) -> list[Run]:
    """All runs: every point once, then every point again; a finished run that is taken over has one only."""
    points = experiment.points(settings)
    return [(point, r) for r in range(settings["repetitions"]) for point in points if r == 0 or not point.get("taken")]


def rows_of_run(rows: Iterable[Row], point: Row, repetition: int) -> list[Row]:
    """Rows of a run among others."""
    identity = {**point, "repetition": repetition}
    return [row for row in rows if all(row.get(key) == value for key, value in identity.items())]
