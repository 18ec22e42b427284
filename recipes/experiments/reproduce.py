"""Reproduction of a paper's experiment: a run for every point and repetition, each kept as soon as it is finished."""

import gc
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from zoo.recipes.experiments.experiment import Experiment, Row, Settings, find
from zoo.recipes.experiments.planning import claimed_results, plan
from zoo.recipes.experiments.runs import RESULTS, rows_besides, rows_of_run, runs_of
from zoo.recipes.experiments.shards import SHARDED, parse_shard, rows_of_shards, shards_record
from zoo.recipes.reporting.markdown import write
from zoo.recipes.reporting.quiet_tensorflow import quiet_tensorflow
from zoo.recipes.reporting.results import append_results, result_lines
from zoo.recipes.reporting.row_versions import version_note

_SHOWN = 3  # numbers in a line of progress


def reproduce(
    name: str,
    out: str | Path,
    *,
    budget: str = "standard",
    settings: Settings | None = None,
    repetitions: int | None = None,
    seed: int = 0,
    data_dir: str | None = None,
    shard: str | None = None,
) -> list[Row]:
    """Run the missing runs of an experiment in the folder `out`, then write its table and figure.

    Every finished run is written to `out/results.jsonl` at once. The same call continues where it was stopped; a call
    with more repetitions, or more values of a swept setting, adds them. Repetition r of seed s is the same in every
    call. A line under the table notes rows of several versions of the packages. One process at a time has the folder,
    whose `settings.json` says what it is for.

    Several processes, on one machine or many with a common disk, share an experiment by `shard`: each makes every N-th
    run, in a folder of its own in `out`, and `merge` puts their rows together.

    Args:
        name: Name of an experiment.
        out: Folder.
        budget: "paper" (the paper's settings), "standard" (feasible on two CPU cores) or "smoke" (seconds).
        settings: Name -> value, in place of the budget's.
        repetitions: Runs per point; None for the budget's.
        seed: Int in [0, 2**32).
        data_dir: Folder of the TensorFlow datasets.
        shard: None, or "k/N" with k in [1, N]: only the runs k, k + N, ..., without table and figure.

    Returns:
        All rows in `out/results.jsonl`, or the shard's.

    Raises:
        ValueError: Before the first run, if a name is unknown, a value is out of range, or `out` holds results of
            another experiment, of other settings, another seed or another backend, shards of other runs, or is in use
            by another process.
        FileNotFoundError: If the data are not there.
    """
    out, part = Path(out), None if shard is None else parse_shard(shard)
    given = {"settings": settings, "repetitions": repetitions, "seed": seed, "data_dir": data_dir}
    experiment, chosen, points, prepared, fixed, record = plan(
        name, out, budget=budget, shards=None if part is None else part.of, **given
    )
    runs = runs_of(points, chosen["repetitions"])
    if part is not None:
        runs, out = part.share(runs), out / part.folder
    with claimed_results(out, record, fixed, runs) as (folder, (done, cut)):
        if cut:
            print(f"{out / RESULTS}: its last line is half-written; its run is made again", file=sys.stderr, flush=True)
            folder.write(RESULTS, result_lines(done))
        for number, (point, repetition) in enumerate(runs, 1):
            if rows_of_run(done, point, repetition):
                continue
            started = time.perf_counter()
            with quiet_tensorflow():
                found = experiment.run(chosen, point, _run_seed(seed, repetition), prepared)
            gc.collect()  # the model's arrays, which its cycles keep
            extra = {"repetition": repetition, "seconds": round(time.perf_counter() - started, 2)}
            _check_points(name, point, found)
            rows = [_finite({"recipe": name, "budget": budget, **point, **row, **extra, **fixed}) for row in found]
            folder.check()
            append_results(out / RESULTS, rows)
            done += rows
            print(f"[{number}/{len(runs)}] {_describe(point | extra, found[-1])}", flush=True)
        folder.check()
        if part is None:
            _report(experiment, done, out)
    return done


def merge(name: str, out: str | Path) -> list[Row]:
    """Put the rows of all shards in `out` together, in the order of a single process; write table and figure.

    Args:
        name: Name of the experiment.
        out: Folder in which `reproduce` made the shards.

    Returns:
        All rows in `out/results.jsonl`.

    Raises:
        ValueError: If there are no shards, one is missing or not finished, or they are of several settings or points.
    """
    experiment, out = find(name), Path(out)
    record = shards_record(out, name)
    fixed = {key: value for key, value in record.items() if key not in SHARDED}
    runs = runs_of(record["points"], record["chosen"]["repetitions"])
    with claimed_results(out, fixed, fixed, []) as (folder, (before, _)):
        found = rows_of_shards(out, record["shards"], runs)
        rows = [row for run in runs for row in rows_of_run(found, *run)] + rows_besides(before, runs)
        folder.write(RESULTS, result_lines(rows))
        _report(experiment, rows, out)
    return rows


def _check_points(name: str, point: Row, rows: list[Row]) -> None:
    """Refuse rows that would not be found again by their point, when a run goes on and when shards are merged."""
    for row in rows:
        others = [key for key, value in point.items() if row.get(key, value) != value]
        if others:
            raise ValueError(f"A row of {name!r} must keep {others[0]!r} of its point. Received: {row[others[0]]!r}")


def _report(experiment: Experiment, rows: list[Row], out: Path) -> None:
    experiment.report(rows, out)
    _note_versions(rows, out / "table.md")


def _note_versions(rows: list[Row], path: Path) -> None:
    """Note under the table and on the terminal that its rows are of several versions."""
    if note := version_note(rows):
        print(note, flush=True)
        write(path, path.read_text().rstrip("\n"), note)


def _run_seed(seed: int, repetition: int) -> int:
    return int(np.random.SeedSequence([seed, repetition]).generate_state(1)[0])


def _finite(value: Any) -> Any:
    """Copy of a row with None for the numbers of a training that diverged, because JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _describe(point: Row, row: Row) -> str:
    """Line of progress: the run, and the first numbers it measured."""
    where = ", ".join(f"{key} {value}" for key, value in point.items() if value is not None and key != "seconds")
    numbers = {key: value for key, value in row.items() if isinstance(value, int | float) and key not in point}
    found = ", ".join(f"{key} {value:.4g}" for key, value in list(numbers.items())[:_SHOWN])
    diverged = not all(math.isfinite(value) for value in numbers.values())
    return f"{where}: {'diverged' if diverged else found} ({point['seconds']:.0f} s)"
