"""Rows that are committed beside their paper in a checkout: their points, and the minutes they took."""

import json
from pathlib import Path
from typing import NamedTuple

from zoo.recipes.experiments.experiment import Experiment, Row, Settings
from zoo.recipes.experiments.runs import RESULTS
from zoo.recipes.reporting.results import read_results

FOLDER = Path(__file__).parent.parent / "papers"  # an installed package has no results there
_PLACES = ("runs", "finished")  # settings that say where trainings are, not what they are


class Committed(NamedTuple):
    """Folder with committed rows; its path is relative to the folder of the papers."""

    folder: str
    rows: list[Row]


def committed(folder: Path = FOLDER) -> list[Committed]:
    """Folders with rows below `folder`, sorted by path; none outside a checkout."""
    paths = sorted(folder.glob(f"*/results/**/{RESULTS}")) if folder.is_dir() else []
    found = [(path.parent.relative_to(folder).as_posix(), read_results(path)) for path in paths]
    return [Committed(name, rows) for name, rows in found if rows]


def fixed(settings: Settings) -> Settings:
    """Settings that all rows of a folder share and that decide their numbers, as JSON has them."""
    kept = {k: v for k, v in settings.items() if not isinstance(v, list) and k not in (*_PLACES, "repetitions")}
    return json.loads(json.dumps(kept))


def rows_of(point: Row, rows: list[Row]) -> list[Row]:
    """Rows of a point, wherever its run was made."""
    identity = {key: value for key, value in json.loads(json.dumps(point)).items() if key != "taken"}
    return [row for row in rows if all(row.get(key) == value for key, value in identity.items())]


def minutes(experiment: Experiment, settings: Settings, rows: list[Row]) -> float | None:
    """Minutes that the runs of a budget took by their rows; None if a run is missing."""
    if fixed(settings) != fixed(rows[0].get("settings", {})):
        return None
    total = 0.0
    for point in experiment.points(settings):
        found = rows_of(point, rows)
        seconds = {row["repetition"]: row["seconds"] for row in found}
        if len(seconds) < settings["repetitions"]:
            return None
        total += sum(seconds[repetition] for repetition in range(settings["repetitions"]))
    return total / 60
