"""Redraw the pictures of experiments from their rows: `python -m zoo.recipes.experiments.redraw FOLDER...`.

Nothing is run and no table is touched. Without folders all are redrawn that are committed beside a paper.
"""

import sys
import tempfile
from pathlib import Path

from zoo.files import write_bytes
from zoo.recipes.experiments.committed import FOLDER, committed
from zoo.recipes.experiments.experiment import find, names
from zoo.recipes.experiments.runs import RESULTS
from zoo.recipes.reporting.results import read_results


def redraw(folder: str | Path) -> list[Path]:
    """Write the pictures of an experiment's rows anew.

    Args:
        folder: Folder of `zoo reproduce`, with `results.jsonl`.

    Returns:
        Paths of the pictures.

    Raises:
        FileNotFoundError: If the folder has no rows.
        ValueError: If the rows are of no experiment.
    """
    folder = Path(folder)
    rows = read_results(folder / RESULTS) if (folder / RESULTS).is_file() else []
    if not rows:
        raise FileNotFoundError(f"`folder` must hold rows in its {RESULTS}. Received: folder={str(folder)!r}")
    with tempfile.TemporaryDirectory() as drawn:
        find(rows[0]["recipe"]).report(rows, Path(drawn))
        pictures = sorted(Path(drawn).glob("*.png"))
        for picture in pictures:
            write_bytes(folder / picture.name, picture.read_bytes())
    return [folder / picture.name for picture in pictures]


def main(folders: list[str]) -> None:
    """Redraw folders, or all that are committed; of these, rows of single trainings have no picture.

    Raises:
        SystemExit: If no folder is named and none is committed, as in an installed package.
    """
    for folder in folders or _every():
        print(*redraw(folder), sep="\n", flush=True)


def _every() -> list[Path]:
    experiments = set(names())
    found = [FOLDER / one.folder for one in committed() if one.rows[0]["recipe"] in experiments]
    if not found:
        raise SystemExit("error: no rows are committed here, as in an installed package: name folders of zoo reproduce")
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
