"""keras-tuner's state as it was after the last trial: it writes its own files in place, one after the other."""

import shutil
import sys
from pathlib import Path

from zoo.files import read_json, sealed, sha256, unsealed, write_bytes
from zoo.recipes.reporting.folders import Folder

_NAME = "search.json"


class Snapshot:
    """`search.json`, which holds keras-tuner's JSON files and the SHA-256 of its weights, of one moment.

    A search goes on from it: whatever keras-tuner wrote later, or half, is of a trial that is run again.

    Args:
        folder: Folder of the search, claimed.
        name: Name of keras-tuner's folder in it.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._state = folder, folder.path / name

    def take(self) -> None:
        """Write the present state of the search."""
        self._folder.check()
        texts = {self._relative(path): path.read_text() for path in sorted(self._state.rglob("*.json"))}
        weights = sorted(path for path in self._state.rglob("*.weights.h5") if not _running(path.parent))
        self._write(texts, {self._relative(path): sha256(path) for path in weights})

    def restore(self) -> None:
        """Bring keras-tuner's files to the state of the snapshot, if there is one.

        Raises:
            ValueError: If weights of a finished trial have changed.
        """
        path = self._folder.path / _NAME
        if not path.is_file():
            if not (self._state / "oracle.json").is_file():  # no search of an earlier version
                self._write({}, {})
            return
        try:
            held = unsealed(read_json(path, {"texts": dict, "weights": dict}), path)
        except ValueError as error:
            print(f"{error}. Going on from keras-tuner's own files", file=sys.stderr, flush=True)
            return
        for name, digest in held["weights"].items():
            weights = self._state / name
            if not weights.is_file() or sha256(weights) != digest:
                raise ValueError(f"{str(weights)!r} is damaged, or another file: its SHA-256 is not that of the search")
        self._say_damaged(held["texts"])
        for pattern in ("oracle.json", "tuner*.json"):
            for later in self._state.glob(pattern):
                if self._relative(later) not in held["texts"]:
                    later.unlink()
        for trial in self._state.glob("trial_*"):
            if self._relative(trial / "trial.json") not in held["texts"]:
                shutil.rmtree(trial)
        for name, text in held["texts"].items():
            (self._state / name).parent.mkdir(parents=True, exist_ok=True)
            write_bytes(self._state / name, text.encode())

    def _write(self, texts: dict[str, str], weights: dict[str, str]) -> None:
        self._folder.write_json(_NAME, sealed({"texts": texts, "weights": weights}))

    def _say_damaged(self, texts: dict[str, str]) -> None:
        for name in texts:
            try:
                read_json(self._state / name)
            except (OSError, ValueError) as error:
                print(f"{error}. It is taken from {_NAME}", file=sys.stderr, flush=True)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._state).as_posix()


def _running(trial: Path) -> bool:
    """Whether a worker is still writing to the folder of a trial."""
    path = trial / "trial.json"
    return path.is_file() and read_json(path).get("status") == "RUNNING"
