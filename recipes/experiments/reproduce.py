"""Reproduction of a paper's experiment: a run for every point and repetition, each kept as soon as it is finished."""

import gc
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from zoo.layers.arguments import int_at_least
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, find, resolve
from zoo.recipes.experiments.runs import Run, rows_of_run, runs_of
from zoo.recipes.experiments.shards import check_shards, parse_shard, rows_of_shards, shards_record
from zoo.recipes.reporting.folders import check_same, claimed
from zoo.recipes.reporting.markdown import write
from zoo.recipes.reporting.quiet_tensorflow import quiet_tensorflow
from zoo.recipes.reporting.results import Lines, append_results, environment, read_lines, result_lines
from zoo.recipes.reporting.row_versions import version_note

_RESULTS = "results.jsonl"
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
    experiment, out = find(name), Path(out)
    given = dict(settings or {}) | ({} if repetitions is None else {"repetitions": repetitions})
    chosen = resolve(experiment, budget, given)
    fixed = {"recipe": name, "seed": int_at_least("seed", seed), "settings": _fixed(chosen), **environment()}
    _check_same(_finished(out / _RESULTS, []).rows, fixed, out / _RESULTS)
    part = None if shard is None else parse_shard(shard)
    record = fixed if part is None else {**fixed, "budget": budget, "chosen": chosen, "shards": part.of}
    if part is not None:
        check_shards(out, record)
        out = out / part.folder
    prepared = experiment.prepare(chosen, data_dir)
    runs = runs_of(experiment, chosen)
    runs = runs if part is None else part.share(runs)
    what = f"The results in {str(out / _RESULTS)!r} have"
    with claimed(out, "settings.json", record, _identity, what=what, besides=(_RESULTS,)) as folder:
        done, cut = _finished(out / _RESULTS, runs)
        _check_same(done, fixed, out / _RESULTS)
        if cut:
            print(
                f"{out / _RESULTS}: its last line is half-written; its run is made again", file=sys.stderr, flush=True
            )
            folder.write(_RESULTS, result_lines(done))
        for number, (point, repetition) in enumerate(runs, 1):
            if rows_of_run(done, point, repetition):
                continue
            started = time.perf_counter()
            with quiet_tensorflow():
                found = experiment.run(chosen, point, _run_seed(seed, repetition), prepared)
            gc.collect()  # the model's arrays, which its cycles keep
            extra = {"repetition": repetition, "seconds": round(time.perf_counter() - started, 2)}
            rows = [_finite({"recipe": name, "budget": budget, **point, **row, **extra, **fixed}) for row in found]
            folder.check()
            append_results(out / _RESULTS, rows)
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
        ValueError: If there are no shards, one is missing, not finished or at work, or they are of several settings.
    """
    experiment, out = find(name), Path(out)
    record = shards_record(out, name)
    fixed = {key: value for key, value in record.items() if key not in ("budget", "chosen", "shards")}
    runs = runs_of(experiment, record["chosen"])
    what = f"The results in {str(out / _RESULTS)!r} have"
    with claimed(out, "settings.json", fixed, _identity, what=what, besides=(_RESULTS,)) as folder:
        before = _finished(out / _RESULTS, []).rows
        _check_same(before, fixed, out / _RESULTS)
        found = rows_of_shards(out, record["shards"], runs)
        rows = [row for (point, r) in runs for row in rows_of_run(found, point, r)]
        ours = [id(row) for point, r in runs for row in rows_of_run(before, point, r)]
        rows += [row for row in before if id(row) not in ours]
        folder.write(_RESULTS, result_lines(rows))
        _report(experiment, rows, out)
    return rows


def _report(experiment: Experiment, rows: list[Row], out: Path) -> None:
    experiment.report(rows, out)
    _note_versions(rows, out / "table.md")


def _note_versions(rows: list[Row], path: Path) -> None:
    """Note under the table and on the terminal that its rows are of several versions."""
    if note := version_note(rows):
        print(note, flush=True)
        write(path, path.read_text().rstrip("\n"), note)


def _finished(path: Path, runs: list[Run]) -> Lines:
    """Rows of the runs that are finished; where the last row is half-written, without the run it is probably of."""
    if not path.is_file():
        return Lines([], False)
    try:
        rows, cut = read_lines(path)
    except ValueError as error:
        raise ValueError(f"`out` holds results that are damaged: {error}") from error
    last = [run for run in runs if cut and rows_of_run(rows[-1:], *run)]
    return Lines([row for row in rows if not any(rows_of_run([row], *run) for run in last)], cut)


def _fixed(settings: Settings) -> Settings:
    """Settings that may not change in a folder."""
    return {key: value for key, value in settings.items() if not isinstance(value, list) and key != "repetitions"}


def _check_same(done: list[Row], fixed: dict[str, Any], path: Path) -> None:
    """Refuse to mix: all rows in a folder are of one experiment, one seed, one backend and the same settings."""
    if done:
        check_same(_identity(done[0]), _identity(fixed), f"The results in {str(path)!r} have")


def _identity(row: Row) -> dict[str, Any]:
    shards = {"shards": row["shards"], **row["chosen"]} if "shards" in row else {}
    return {key: row.get(key) for key in ("recipe", "seed", "backend")} | row.get("settings", {}) | shards


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
