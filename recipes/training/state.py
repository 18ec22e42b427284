"""The state of a run on disk: two generations, each whole at any moment and checked when it is read."""

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

from zoo.files import json_bytes, read_json, sealed, sha256, unsealed
from zoo.recipes.reporting.folders import Folder
from zoo.recipes.reporting.results import read_results

State = dict[str, Any]

NAME, PREVIOUS = "state.json", "state.previous.json"
_WEIGHTS = re.compile(r"state-\d+-\d+\.weights\.h5")
_KEYS = {
    "epoch": int,
    "batch": int,
    "best": (dict, type(None)),
    "history": list,
    "weights": (str, type(None)),
}


def new_state() -> State:
    """Return the state of a run that has not begun.

    Its `epoch` and `batch` are where to go on, `best` is epoch and score of the best epoch, `history` has a row per
    epoch. `weights` names the file of weights, optimizer and coins, and `files` has the SHA-256 of it and of
    `last.weights.h5` and `best.weights.h5`. `metrics` are the running metrics in mid-epoch, `results` the result lines
    of a run that is finished. `cost` has the `seconds` and the `core_seconds` (processor time) of the training, its
    validation and its savings included, up to this state; a run that an earlier version began has none.
    """
    cost = {"seconds": 0.0, "core_seconds": 0.0}
    return {"epoch": 0, "batch": 0, "best": None, "history": [], "weights": None, "files": {}, "cost": cost}


class SavedState:
    """The states of a run in its folder: `state.json`, and `state.previous.json` where that one is damaged.

    Each names the weights file it belongs to and is replaced after it was written, so a reader sees the old state or
    the new one.

    Args:
        folder: Folder of the run, claimed.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._saved: bytes | None = None

    def read(self) -> State:
        """The newest state that is whole; a new run gets its first one.

        Raises:
            ValueError: If both are damaged, or there is none although the run has begun.
        """
        path = self._folder.path
        if not (path / NAME).exists() and not (path / PREVIOUS).exists():
            self._begin()
        damages = []
        for name in (NAME, PREVIOUS):
            try:
                state = read_state(path / name)
                _check_weights(path, state)
            except (OSError, ValueError) as error:
                damages.append(str(error))
                continue
            if damages:
                print(f"{damages[0]}. Going on from the state before: {_where(state)}", file=sys.stderr, flush=True)
            if state["weights"] and not state["files"]:
                print(f"{path / name} is of an earlier version: its files are not checked", file=sys.stderr, flush=True)
            self._saved = (path / name).read_bytes()
            if not damages:
                self._remove_others()
            return state
        raise ValueError(f"The state of the run is damaged: {'; '.join(damages)}")

    def save(self, state: State, weights: bytes) -> None:
        """Save a state as the newest one and keep the one before.

        Args:
            state: The state; its `weights` and `files` are set.
            weights: Content of the weights file: weights, optimizer and coins.
        """
        name = f"state-{state['epoch']}-{state['batch']}.weights.h5"
        files = {key: value for key, value in state["files"].items() if not _WEIGHTS.fullmatch(key)}
        state.update(weights=name, files={**files, name: hashlib.sha256(weights).hexdigest()})
        self._folder.write(name, weights)
        if self._saved is not None:
            self._folder.write(PREVIOUS, self._saved)
        self.replace(state)
        self._remove_others()

    def replace(self, state: State) -> None:
        """Write the newest state again, with something added that changes neither epoch nor batch."""
        self._saved = json_bytes(sealed(state))
        self._folder.write(NAME, self._saved)

    def _begin(self) -> None:
        left = sorted(one.name for one in self._folder.path.iterdir() if _of_a_run(one.name))
        if left:
            raise ValueError(
                f"{str(self._folder.path / NAME)!r} is missing, and {left[0]} says that the run has begun: bring it "
                "back, or train in a new folder"
            )
        self.replace(new_state())

    def _remove_others(self) -> None:
        """Remove weights of states that are not kept any more."""
        path = self._folder.path
        try:
            kept = {read_state(path / name)["weights"] for name in (NAME, PREVIOUS) if (path / name).is_file()}
        except ValueError:  # one that cannot be read may be mended by somebody
            return
        for one in path.iterdir():
            if _WEIGHTS.fullmatch(one.name) and one.name not in kept:
                one.unlink(missing_ok=True)


def read_state(path: Path) -> State:
    """Read a file of a state. One of an earlier version has no `files`.

    Raises:
        ValueError: If it is damaged; the error names the file.
        FileNotFoundError: If there is no such file.
    """
    state = read_json(path, _KEYS)
    state = unsealed(state, path) if "sha256" in state else state
    files = state.setdefault("files", {})
    good = state["epoch"] >= 0 and state["batch"] >= 0 and isinstance(files, dict)
    good = good and (state["weights"] is None or _WEIGHTS.fullmatch(state["weights"]))
    good = good and all(isinstance(row, dict) and isinstance(row.get("epoch"), int) for row in state["history"])
    good = good and len(state["history"]) == state["epoch"] and isinstance(state.get("metrics", []), list)
    good = good and (state["best"] is None or {"epoch", "score"} <= set(state["best"]))
    good = good and ("cost" not in state or _is_cost(state["cost"]))
    good = good and isinstance(state.get("results", []), list) and all(isinstance(one, str) for one in files.values())
    if not good or (state["weights"] is None and (state["epoch"], state["batch"]) != (0, 0)):
        raise ValueError(f"{str(path)!r} is no state of a run")
    return state


def has_weights(folder: Path) -> bool:
    """Tell whether a run in a folder has saved weights to go on from."""
    try:
        return read_state(folder / NAME)["weights"] is not None
    except (OSError, ValueError):
        return False


def finished_rows(folder: Path, epochs: int, state: State | None = None) -> list[dict[str, Any]] | None:
    """Result lines of a run, or None if it is not finished: its state decides, not what files there are.

    Args:
        folder: Folder of the run.
        epochs: Epochs of its recipe.
        state: Its state; None reads it.

    Raises:
        ValueError: If its files are damaged.
    """
    if state is None:
        if not (folder / NAME).is_file():
            return None
        state = read_state(folder / NAME)
    if "results" not in state and not state["files"] and state["epoch"] >= epochs:  # of an earlier version
        path = folder / "results.jsonl"
        return (read_results(path) or None) if path.is_file() else None
    return state.get("results") if state["epoch"] >= epochs else None  # fewer: it was made longer


def changed_product(path: Path) -> bool:
    """Tell whether `last.weights.h5` or `best.weights.h5` is another file than its run's state says."""
    try:
        expected = read_state(path.with_name(NAME))["files"].get(path.name)
    except (OSError, ValueError):
        return False
    return expected is not None and (not path.is_file() or sha256(path) != expected)


def _check_weights(folder: Path, state: State) -> None:
    if not state["weights"]:
        return
    path = folder / state["weights"]
    if not path.is_file():
        raise ValueError(f"{str(path)!r} is missing")
    expected = state["files"].get(path.name)
    if state["files"] and sha256(path) != expected:
        raise ValueError(f"{str(path)!r} is damaged, or another file: its SHA-256 is not that of the state")


def _is_cost(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(key), int | float) and value[key] >= 0 for key in ("seconds", "core_seconds")
    )


def _of_a_run(name: str) -> bool:
    return name.endswith(".weights.h5") or name in ("log.csv", "tensorboard", "results.jsonl")


def _where(state: State) -> str:
    return f"epoch {state['epoch']}, batch {state['batch']}"
