"""Reproduction of a paper's experiment: a run for every point and repetition, each kept as soon as it is finished."""

import gc
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from zoo.layers.arguments import int_at_least
from zoo.recipes.experiments.experiment import Row, Settings, find, resolve
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
) -> list[Row]:
    """Run the missing runs of an experiment in the folder `out`, then write its table and figure.

    Every finished run is written to `out/results.jsonl` at once. The same call continues where it was stopped; a call
    with more repetitions, or more values of a swept setting, adds them. Repetition r of seed s is the same in every
    call. A line under the table notes rows of several versions of the packages. One process at a time has the folder,
    whose `settings.json` says what it is for.

    Args:
        name: Name of an experiment.
        out: Folder.
        budget: "paper" (the paper's settings), "standard" (feasible on two CPU cores) or "smoke" (seconds).
        settings: Name -> value, in place of the budget's.
        repetitions: Runs per point; None for the budget's.
        seed: Int in [0, 2**32).
        data_dir: Folder of the TensorFlow datasets.

    Returns:
        All rows in `out/results.jsonl`.

    Raises:
        ValueError: Before the first run, if a name is unknown, a value is out of range, or `out` holds results of
            another experiment, of other settings, another seed or another backend, or is in use by another process.
        FileNotFoundError: If the data are not there.
    """
    experiment, out = find(name), Path(out)
    given = dict(settings or {}) | ({} if repetitions is None else {"repetitions": repetitions})
    chosen = resolve(experiment, budget, given)
    fixed = {"recipe": name, "seed": int_at_least("seed", seed), "settings": _fixed(chosen), **environment()}
    _check_same(_finished(out / _RESULTS, []).rows, fixed, out / _RESULTS)
    prepared = experiment.prepare(chosen, data_dir)
    points = experiment.points(chosen)
    runs = [(point, r) for r in range(chosen["repetitions"]) for point in points if r == 0 or not point.get("taken")]
    what = f"The results in {str(out / _RESULTS)!r} have"
    with claimed(out, "settings.json", fixed, _identity, what=what, besides=(_RESULTS,)) as folder:
        done, cut = _finished(out / _RESULTS, runs)
        _check_same(done, fixed, out / _RESULTS)
        if cut:
            print(
                f"{out / _RESULTS}: its last line is half-written; its run is made again", file=sys.stderr, flush=True
            )
            folder.write(_RESULTS, result_lines(done))
        for number, (point, repetition) in enumerate(runs, 1):
            if _has(done, {**point, "repetition": repetition}):
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
        experiment.report(done, out)
        _note_versions(done, out / "table.md")
    return done


def _note_versions(rows: list[Row], path: Path) -> None:
    """Note under the table and on the terminal that its rows are of several versions."""
    if note := version_note(rows):
        print(note, flush=True)
        write(path, path.read_text().rstrip("\n"), note)


def _finished(path: Path, runs: list[tuple[Row, int]]) -> Lines:
    """Rows of the runs that are finished; where the last row is half-written, without the run it is probably of."""
    if not path.is_file():
        return Lines([], False)
    try:
        rows, cut = read_lines(path)
    except ValueError as error:
        raise ValueError(f"`out` holds results that are damaged: {error}") from error
    last = [{**point, "repetition": r} for point, r in runs if cut and _has(rows[-1:], {**point, "repetition": r})]
    return Lines([row for row in rows if not any(_has([row], identity) for identity in last)], cut)


def _fixed(settings: Settings) -> Settings:
    """Settings that may not change in a folder."""
    return {key: value for key, value in settings.items() if not isinstance(value, list) and key != "repetitions"}


def _check_same(done: list[Row], fixed: dict[str, Any], path: Path) -> None:
    """Refuse to mix: all rows in a folder are of one experiment, one seed, one backend and the same settings."""
    if done:
        check_same(_identity(done[0]), _identity(fixed), f"The results in {str(path)!r} have")


def _identity(row: Row) -> dict[str, Any]:
    return {key: row.get(key) for key in ("recipe", "seed", "backend")} | row.get("settings", {})


def _has(done: list[Row], identity: Row) -> bool:
    return any(all(row.get(key) == value for key, value in identity.items()) for row in done)


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
