"""Saving a run while it trains, and stopping it, so that it goes on as if nothing had happened."""

import hashlib
import os
import sys
import time
from typing import Any

import keras
import numpy as np

from zoo.graph import uncompiled
from zoo.recipes.reporting.folders import Folder
from zoo.recipes.training.history_files import write_history
from zoo.recipes.training.state import SavedState, State, changed_product
from zoo.stop_signals import Stopped
from zoo.weights.weights_bytes import weights_bytes

SAVE_EVERY_S = 300  # within an epoch; what kill -9 can cost
LAST, BEST = "last.weights.h5", "best.weights.h5"


class Checkpoint(keras.callbacks.Callback):
    """Save weights, optimizer, coins, running metrics and history; stop when asked to.

    The state is saved first. Everything else in the folder follows from it: last and best weights, `log.csv` and
    `tensorboard/` are made again where a run was killed before they were.

    Args:
        folder: Folder of the run, claimed.
        saved: The run's states on disk.
        state: The state to go on from, as `saved` gives it.
        asked_to_stop: Function that returns why the run should stop now, or None.
    """

    def __init__(self, folder: Folder, saved: SavedState, state: State, asked_to_stop) -> None:
        super().__init__()
        self.folder, self.saved, self.state, self.asked_to_stop = folder, saved, state, asked_to_stop
        self._saved_at, self._core_seconds = time.monotonic(), _core_seconds()

    def on_epoch_begin(self, epoch, logs=None) -> None:
        """Put back the running metrics of an epoch that was interrupted."""
        if values := self.state.pop("metrics", None):
            for variable, value in zip(self.model.metrics_variables, values, strict=True):
                variable.assign(np.asarray(value, dtype=variable.dtype))

    def on_train_batch_end(self, batch, logs=None) -> None:
        """Save now and then, and before stopping; an epoch's last batch leaves both to the epoch's end."""
        self.state["batch"] += 1
        if batch + 1 == self.params["steps"]:
            return
        reason = self.asked_to_stop()
        if reason or time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self._check_finite(logs or {})
            metrics = [keras.ops.convert_to_numpy(v.value).tolist() for v in self.model.metrics_variables]
            self._save(metrics=metrics)
        if reason:
            raise Stopped(reason)

    def on_epoch_end(self, epoch, logs=None) -> None:
        """Save the state at the start of the next epoch, and what follows from it."""
        row = {"epoch": epoch, **{key: float(value) for key, value in (logs or {}).items()}}
        self._check_finite(row)
        self.state["history"] = [*self.state["history"], row]
        score = row.get("val_accuracy", row.get("accuracy", 0.0))
        if self.state["best"] is None or score > self.state["best"]["score"]:
            self.state["best"] = {"epoch": epoch, "score": score}
        self.state.update(epoch=epoch + 1, batch=0)
        weights = _describe_products(self.model, self.state)
        self._save()
        _write_products(self.folder, self.state, weights)
        write_history(self.folder, self.state["history"])
        self.model.stop_training = True
        if reason := self.asked_to_stop():
            raise Stopped(reason)

    def _check_finite(self, logs: dict[str, Any]) -> None:
        """Refuse to go on, and to save, where the loss is no number any more."""
        if not np.isfinite(logs.get("loss", 0.0)):
            raise ValueError(
                f"The training in {str(self.folder.path)!r} diverged in epoch {self.state['epoch']}: its loss is "
                f"{logs['loss']}. What was saved before is as it was; lower `learning_rate` or raise `warmup_epochs`"
            )

    def _save(self, **more: Any) -> None:
        self._add_cost()
        state = {**self.state, **more}
        self.saved.save(state, weights_bytes(self.model))
        self.state.update(weights=state["weights"], files=state["files"])

    def _add_cost(self) -> None:
        """Add what was spent since the state before, where all before it is known."""
        seconds, core_seconds = time.monotonic() - self._saved_at, _core_seconds() - self._core_seconds
        self._saved_at, self._core_seconds = self._saved_at + seconds, self._core_seconds + core_seconds
        if cost := self.state.get("cost"):
            self.state["cost"] = {
                "seconds": round(cost["seconds"] + seconds, 3),
                "core_seconds": round(cost["core_seconds"] + core_seconds, 3),
            }


def restore(model: keras.Model, folder: Folder, saved: SavedState, state: State) -> None:
    """Load weights, optimizer and coins of the saved state into a compiled model, and make again what follows from it.

    Raises:
        ValueError: If the weights are not those of this model.
    """
    write_history(folder, state["history"])
    if not state["weights"]:
        return
    model.optimizer.build(model.trainable_variables)
    # Metrics have no variables to put the saved values into before they have seen an example.
    model.compute_metrics(None, np.zeros(1, int), np.full((1, model.output_shape[-1]), 0.5, "float32"))
    path = folder.path / state["weights"]
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{str(path)!r} is damaged, or of another model: {error}") from None
    if state["batch"] == 0 and any(changed_product(folder.path / name) for name in _products(state)):
        weights = _describe_products(model, state)
        saved.replace(state)
        _write_products(folder, state, weights)
    elif changed_product(folder.path / BEST):
        print(
            f"{folder.path / BEST} is damaged, or not that of epoch {state['best']['epoch']}: it cannot be used before "
            "an epoch is better",
            file=sys.stderr,
            flush=True,
        )


def _core_seconds() -> float:
    """Processor time of this process and of those it waited for."""
    return sum(os.times()[:4])


def _products(state: State) -> list[str]:
    """Files of weights that are those of the model at the start of an epoch."""
    return [LAST, BEST] if state["best"]["epoch"] == state["epoch"] - 1 else [LAST]


def _describe_products(model: keras.Model, state: State) -> bytes:
    """Enter the digests of last and best weights in the state, and return the weights."""
    weights = weights_bytes(uncompiled(model))  # no optimizer in the file
    digest = hashlib.sha256(weights).hexdigest()
    state["files"] = {**state["files"], **dict.fromkeys(_products(state), digest)}
    return weights


def _write_products(folder: Folder, state: State, weights: bytes) -> None:
    for name in _products(state):
        folder.write(name, weights)
