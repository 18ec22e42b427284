"""Shards of an experiment: every N-th run, made by a process of its own in a folder of its own."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from zoo.files import read_json
from zoo.layers.arguments import did_you_mean
from zoo.recipes.experiments.experiment import Row
from zoo.recipes.experiments.runs import RESULTS, SETTINGS, Run, rows_of_run
from zoo.recipes.reporting.folders import check_same
from zoo.recipes.reporting.results import Lines, read_lines

Record = dict[str, Any]
SHARDED = ("budget", "chosen", "points", "shards")  # what a shard's record says besides a row's values
_FOLDER = re.compile(r"shard-(\d+)-of-(\d+)")


class Shard(NamedTuple):
    """Number k, from 1, of N shards."""

    number: int
    of: int

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return f"shard-{self.number}-of-{self.of}"

    def share(self, runs: list[Run]) -> list[Run]:
        """Its runs, of all."""
        return runs[self.number - 1 :: self.of]


def parse_shard(text: str) -> Shard:
    """Shard of a text "k/N".

    Raises:
        ValueError: If it is none, or k is not in [1, N].
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text) if isinstance(text, str) else None
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise ValueError(f"`shard` must be k/N, with k from 1 to N. Received: shard={text!r}")
    return Shard(int(found[1]), int(found[2]))


def check_shards(out: Path, record: Record) -> None:
    """Raise a `ValueError` if a shard in `out` is of other runs than those of `record`."""
    for path, other in _records(out).items():
        check_same(decides(other), decides(record), f"The shard in {str(path)!r} has")


def shards_record(out: Path, name: str) -> Record:
    """What all shards in `out` say of themselves.

    Raises:
        ValueError: If there are none, they are of several settings, or of another experiment.
    """
    records = _records(out)
    if not records:
        raise ValueError(f"`out` must hold shards, made by --shard k/N. Received: out={str(out)!r}")
    first = next(iter(records.values()))
    if first["recipe"] != name:
        hint = did_you_mean(name, [first["recipe"]])
        raise ValueError(f"`out` holds shards of {first['recipe']!r}.{hint} Received: name={name!r}")
    check_shards(out, first)
    return first


def rows_of_shards(out: Path, of: int, runs: list[Run]) -> list[Row]:
    """Rows of all shards, of each the ones of its own runs.

    Raises:
        ValueError: If a run of theirs is missing; the message names the shards.
    """
    rows, missing = [], []
    for shard in (Shard(number, of) for number in range(1, of + 1)):
        path, wanted = out / shard.folder / RESULTS, shard.share(runs)
        found, cut = read_lines(path) if path.is_file() else Lines([], False)
        done = [run for run in wanted if rows_of_run(found, *run)]
        # The run of a half-written row may have more rows than are there: its shard makes it again.
        short = len(wanted) - len(done) or int(cut)
        if short:
            missing.append(f"{shard.number}/{of} ({short} of {len(wanted)} runs)")
        rows += [row for run in done for row in rows_of_run(found, *run)]
    if missing:
        raise ValueError(
            f"`out` must hold all shards, finished. Missing: {', '.join(missing)}; run them again, by --shard. "
            f"Received: out={str(out)!r}"
        )
    return rows


def _records(out: Path) -> dict[Path, Record]:
    """Records of the shards in a folder, by their folders."""
    folders = sorted(path for path in out.glob("shard-*") if _FOLDER.fullmatch(path.name)) if out.is_dir() else []
    return {path: _record(path / SETTINGS) for path in folders if (path / SETTINGS).is_file()}


def _record(path: Path) -> Record:
    record = read_json(path)
    missing = [key for key in ("recipe", "seed", "backend", "settings", *SHARDED) if key not in record]
    if missing:
        raise ValueError(f"{str(path)!r} must be the record of a shard, written by --shard. It lacks {missing}")
    return record


def decides(record: Record) -> Record:
    """Values that decide which runs there are, and what they give.

    The points are among them, because some experiments look for finished runs on the disk, where others may appear.
    """
    own = {key: record.get(key) for key in ("shards", "recipe", "budget", "seed", "backend")}
    points = {"number of points": len(record["points"])}
    points |= {f"point {number}": point for number, point in enumerate(record["points"], 1)}
    return json.loads(json.dumps({**own, **record["chosen"], **points}))
