"""Runs of an experiment, in their order, and the rows that a run left."""

from collections.abc import Iterable

from zoo.recipes.experiments.experiment import Row

RESULTS, SETTINGS = "results.jsonl", "settings.json"  # files of an experiment's folder: its rows, whose they are
Run = tuple[Row, int]  # a point and the number of its repetition


def runs_of(points: list[Row], repetitions: int) -> list[Run]:
    """All runs: every point once, then every point again; a finished run that is taken over has one only."""
    return [(point, r) for r in range(repetitions) for point in points if r == 0 or not point.get("taken")]


def rows_of_run(rows: Iterable[Row], point: Row, repetition: int) -> list[Row]:
    """Rows of a run among others."""
    identity = {**point, "repetition": repetition}
    return [row for row in rows if all(row.get(key) == value for key, value in identity.items())]


def rows_besides(rows: Iterable[Row], runs: list[Run]) -> list[Row]:
    """Rows of none of the runs."""
    return [row for row in rows if not any(rows_of_run([row], *run) for run in runs)]
