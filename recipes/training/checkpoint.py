"""The state of a run on disk: whole at any moment, and enough to go on as if nothing had happened."""

import json
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.files import atomic, write_json
from zoo.weights.pretrained import save_weights

SAVE_EVERY_S = 300  # within an epoch; what kill -9 can cost


class Stopped(Exception):  # noqa: N818 -- not an error
    """Raised out of `fit` after the state was saved; `reason` is a signal's name or "max_minutes"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Checkpoint(keras.callbacks.Callback):
    """Save weights, optimizer, coins, running metrics and history; stop when asked to.

    `state.json` names the weights file it belongs to and is replaced last, so a reader sees the old state or the
    new one. Restored, the run goes on at the same batch with the same coins.

    Args:
        folder: Folder of the run.
        state: The state to go on from, as `read_state` gives it.
        asked_to_stop: Function that returns why the run should stop now, or None.
    """

    def __init__(self, folder: Path, state: dict[str, Any], asked_to_stop) -> None:
        super().__init__()
        self.folder, self.state, self.asked_to_stop = folder, state, asked_to_stop
        self._saved_at = time.monotonic()

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
            self._save({**self.state, "metrics": metrics})
        if reason:
            raise Stopped(reason)

    def on_epoch_end(self, epoch, logs=None) -> None:
        """Save last and best weights, the history, and the state at the start of the next epoch."""
        row = {"epoch": epoch, **{key: float(value) for key, value in (logs or {}).items()}}
        self._check_finite(row)
        self.state["history"] = [*self.state["history"], row]
        score = row.get("val_accuracy", row.get("accuracy", 0.0))
        save_weights(self.model, self.folder / "last.weights.h5")
        if self.state["best"] is None or score > self.state["best"]["score"]:
            self.state["best"] = {"epoch": epoch, "score": score}
            save_weights(self.model, self.folder / "best.weights.h5")
        self.state.update(epoch=epoch + 1, batch=0)
        self._save(self.state)
        _write_csv(self.folder / "log.csv", self.state["history"])
        self.model.stop_training = True
        if reason := self.asked_to_stop():
            raise Stopped(reason)

    def _check_finite(self, logs: dict[str, Any]) -> None:
        """Refuse to go on, and to save, where the loss is no number any more."""
        if not np.isfinite(logs.get("loss", 0.0)):
            raise ValueError(
                f"The training in {str(self.folder)!r} diverged in epoch {self.state['epoch']}: its loss is "
                f"{logs['loss']}. What was saved before is as it was; lower `learning_rate` or raise `warmup_epochs`"
            )

    def _save(self, state: dict[str, Any]) -> None:
        previous = self.folder / state["weights"] if state["weights"] else None
        state["weights"] = f"state-{state['epoch']}-{state['batch']}.weights.h5"
        with atomic(self.folder / state["weights"]) as part:
            self.model.save_weights(part)
        write_json(self.folder / "state.json", state)
        self.state["weights"] = state["weights"]
        if previous and previous.name != state["weights"]:
            previous.unlink(missing_ok=True)
        self._saved_at = time.monotonic()


def read_state(folder: Path) -> dict[str, Any]:
    """The saved state of a run, or that of a run which has not begun."""
    path = folder / "state.json"
    if path.is_file():
        return json.loads(path.read_text())
    return {"epoch": 0, "batch": 0, "best": None, "history": [], "weights": None}


def restore(model: keras.Model, folder: Path, state: dict[str, Any]) -> None:
    """Load weights, optimizer and coins of the saved state into a compiled model."""
    if state["weights"]:
        model.optimizer.build(model.trainable_variables)
        # Metrics have no variables to put the saved values into before they have seen an example.
        model.compute_metrics(None, np.zeros(1, int), np.full((1, model.output_shape[-1]), 0.5, "float32"))
        model.load_weights(folder / state["weights"])


def _write_csv(path: Path, history: list[dict[str, Any]]) -> None:
    columns = list(history[0])
    lines = [",".join(columns), *(",".join(str(row.get(column, "")) for column in columns) for row in history)]
    with atomic(path) as part:
        part.write_text("\n".join(lines) + "\n")
