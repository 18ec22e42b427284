"""Plan of an experiment in a folder: what is to be run there, checked before anything is."""

from pathlib import Path
from typing import Any, NamedTuple

from zoo.layers.arguments import int_at_least
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, find, resolve
from zoo.recipes.experiments.runs import Run, rows_of_run
from zoo.recipes.experiments.shards import Record, check_shards, decides
from zoo.recipes.reporting.folders import check_same
from zoo.recipes.reporting.results import Lines, environment, read_lines

RESULTS = "results.jsonl"


class Plan(NamedTuple):
    """An experiment, its settings and points, the result of its `prepare`, and what goes into rows and record."""

    experiment: Experiment
    chosen: Settings
    points: list[Row]
    prepared: Any
    fixed: Record
    record: Record


def plan(
    name: str,
    out: Path,
    *,
    budget: str = "standard",
    settings: Settings | None = None,
    repetitions: int | None = None,
    seed: int = 0,
    data_dir: str | None = None,
    shards: int | None = None,
) -> Plan:
    """Plan an experiment, or that of `shards` shards. Arguments and errors are those of `reproduce`."""
    experiment = find(name)
    given = dict(settings or {}) | ({} if repetitions is None else {"repetitions": repetitions})
    chosen = resolve(experiment, budget, given)
    fixed = {"recipe": name, "seed": int_at_least("seed", seed), "settings": _fixed(chosen), **environment()}
    check_rows(finished(out / RESULTS, []).rows, fixed, out / RESULTS)
    prepared, points, record = experiment.prepare(chosen, data_dir), experiment.points(chosen), fixed
    if shards is not None:
        record = {**fixed, "budget": budget, "chosen": chosen, "points": points, "shards": shards}
        check_shards(out, record)
    return Plan(experiment, chosen, points, prepared, fixed, record)


def finished(path: Path, runs: list[Run]) -> Lines:
    """Rows of the runs that are finished; where the last row is half-written, without the run it is probably of."""
    if not path.is_file():
        return Lines([], False)
    try:
        rows, cut = read_lines(path)
    except ValueError as error:
        raise ValueError(f"`out` holds results that are damaged: {error}") from error
    last = [run for run in runs if cut and rows_of_run(rows[-1:], *run)]
    return Lines([row for row in rows if not any(rows_of_run([row], *run) for run in last)], cut)


def check_rows(done: list[Row], fixed: Record, path: Path) -> None:
    """Refuse to mix: all rows in a folder are of one experiment, one seed, one backend and the same settings."""
    if done:
        check_same(identity(done[0]), identity(fixed), f"The results in {str(path)!r} have")


def identity(row: Row) -> Record:
    """Values of a row, or of a folder's record, that may not differ in it."""
    shards = decides(row) if "shards" in row else {}
    return {key: row.get(key) for key in ("recipe", "seed", "backend")} | row.get("settings", {}) | shards


def _fixed(settings: Settings) -> Settings:
    """Settings that may not change in a folder."""
    return {key: value for key, value in settings.items() if not isinstance(value, list) and key != "repetitions"}
