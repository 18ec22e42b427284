"""Plan of an experiment in a folder: what is to be run there, checked before anything is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from zoo.layers.arguments import int_at_least
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, find, resolve
from zoo.recipes.experiments.runs import RESULTS, SETTINGS, Run, rows_besides, rows_of_run
from zoo.recipes.experiments.shards import Record, check_shards, decides
from zoo.recipes.reporting.folders import Folder, check_same, claimed
from zoo.recipes.reporting.results import Lines, environment, read_lines


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
    _finished(out, fixed, [])
    prepared, points, record = experiment.prepare(chosen, data_dir), experiment.points(chosen), fixed
    if shards is not None:
        record = {**fixed, "budget": budget, "chosen": chosen, "points": points, "shards": shards}
        check_shards(out, record)
    return Plan(experiment, chosen, points, prepared, fixed, record)


@contextmanager
def claimed_results(out: Path, record: Record, fixed: Record, runs: list[Run]) -> Iterator[tuple[Folder, Lines]]:
    """Keep other processes out of an experiment's folder, and yield it with its rows.

    Args:
        out: The folder.
        record: What its `settings.json` says.
        fixed: Values that all its rows have.
        runs: Those that are to be in it: where the last row is half-written, the run it is probably of is left out.

    Raises:
        ValueError: If the folder is another's or in use, or its rows are damaged or of other values.
    """
    with claimed(out, SETTINGS, record, _identity, what=_what(out), besides=(RESULTS,)) as folder:
        yield folder, _finished(out, fixed, runs)


def _finished(out: Path, fixed: Record, runs: list[Run]) -> Lines:
    """Rows of a folder, all of one experiment, one seed, one backend and the same settings."""
    path = out / RESULTS
    if not path.is_file():
        return Lines([], False)
    try:
        rows, cut = read_lines(path)
    except ValueError as error:
        raise ValueError(f"`out` holds results that are damaged: {error}") from error
    done = rows_besides(rows, [run for run in runs if cut and rows_of_run(rows[-1:], *run)])
    if done:
        check_same(_identity(done[0]), _identity(fixed), _what(out))
    return Lines(done, cut)


def _what(out: Path) -> str:
    return f"The results in {str(out / RESULTS)!r} have"


def _identity(row: Row) -> Record:
    """Values of a row, or of a folder's record, that may not differ in it."""
    shards = decides(row) if "shards" in row else {}
    return {key: row.get(key) for key in ("recipe", "seed", "backend")} | row.get("settings", {}) | shards


def _fixed(settings: Settings) -> Settings:
    """Settings that may not change in a folder."""
    return {key: value for key, value in settings.items() if not isinstance(value, list) and key != "repetitions"}
