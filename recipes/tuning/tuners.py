"""keras-tuner's searches: their names, how many trials they run, and where they go on."""

import functools
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras_tuner
from sklearn.exceptions import ConvergenceWarning

from zoo.files import write_bytes
from zoo.layers.arguments import check_known
from zoo.weights.weights_bytes import write_weights

_REASON = "error.txt"  # in a trial's folder: why it failed at a worker; keras-tuner does not send it


def role() -> str:
    """This process' part in the search by keras-tuner's environment variables: "alone", "chief" or "worker".

    Raises:
        ValueError: If some of the variables are set and others are not.
    """
    if "KERASTUNER_ORACLE_IP" not in os.environ:
        return "alone"
    missing = [name for name in ("KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID") if not os.environ.get(name)]
    if missing:
        raise ValueError(
            "A search by chief and workers takes KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT and KERASTUNER_TUNER_ID "
            f'("chief" or a worker\'s own). Received: no {" and no ".join(missing)}'
        )
    return "chief" if "chief" in os.environ["KERASTUNER_TUNER_ID"] else "worker"


class _Watched:
    """A tuner that tells `watcher` of every epoch and of every trial that ends, and keeps its state in `snapshot`.

    A chief learns of its workers' trials by its oracle. A worker writes nothing but weights, and why a trial failed.
    """

    watcher: Any = None
    snapshot: Any = None

    def search(self, *args, **kwargs) -> None:
        if role() == "chief":
            end_trial = self.oracle.end_trial

            def end(trial):
                reason = Path(self.get_trial_dir(trial.trial_id)) / _REASON
                trial.message = reason.read_text() if trial.status != "COMPLETED" and reason.is_file() else None
                end_trial(trial)
                self.save()
                self._ended(self.oracle.get_trial(trial.trial_id))

            self.oracle.end_trial = end
        super().search(*args, **kwargs)

    def _get_tuner_fname(self) -> str:
        return os.path.join(self.project_dir, "tuner0.json")  # of all roles: any of them goes on from the others' state

    def save(self) -> None:
        if role() != "worker":
            super().save()

    def reload(self) -> None:
        if role() != "worker":
            super().reload()

    def _populate_initial_space(self) -> None:
        # keras-tuner would build the first configuration here, where a failure ends the search before it begins.
        space = self.oracle.get_space()
        self.hypermodel.declare_hyperparameters(space)
        self.oracle.update_space(space)

    def on_epoch_begin(self, trial, model, epoch, logs=None) -> None:
        # keras-tuner saves the best epoch by this, and HDF5 ends the process where it meets a full disk.
        model.save_weights = functools.partial(_save_weights, model)

    def on_epoch_end(self, trial, model, epoch, logs=None) -> None:
        if self.watcher:
            self.watcher.epoch(trial, epoch)

    def on_trial_end(self, trial) -> None:
        if role() == "worker" and trial.message:
            write_bytes(Path(self.get_trial_dir(trial.trial_id)) / _REASON, trial.message.encode())
        super().on_trial_end(trial)
        ended = self.oracle.get_trial(trial.trial_id)
        ended.message = ended.message or trial.message
        self._ended(ended)

    def _ended(self, trial) -> None:
        if self.snapshot:
            self.snapshot.take()
        if self.watcher:
            self.watcher.end(trial)


def _save_weights(model, path) -> None:
    try:
        write_weights(model, path)
    except OSError as error:  # no failure of the trial
        raise keras_tuner.errors.FatalRuntimeError(str(error)) from error


@contextmanager
def os_errors() -> Iterator[None]:
    """Raise an `OSError` where keras-tuner cannot write: it writes by TensorFlow, whose errors are none."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.startswith("tensorflow"):
            raise OSError(str(error)) from error
        raise


class _Longer(_Watched):
    """A tuner whose completed trials of fewer epochs train on as trials of their own, the best ones first.

    As in Hyperband: from the weights and the momentum of the earlier trial's best epoch, at the number of its epochs.
    """

    def train_on(self, before: int | None, epochs: int) -> None:
        """Have trials of fewer than `epochs` train on; those that say no number had `before`."""
        for trial in self.oracle.trials.values():
            if before is not None and trial.status in ("COMPLETED", "FAILED"):
                trial.hyperparameters.values.setdefault("tuner/epochs", before)
                self.oracle._save_trial(trial)
        further = [trial for trial in self.oracle.trials.values() if "tuner/trial_id" in trial.hyperparameters.values]
        self.oracle.max_trials += len(further) + len(self._shorter(epochs))
        populate = self.oracle.populate_space

        def populate_space(trial_id):
            if not (shorter := self._shorter(epochs)):
                return populate(trial_id)
            values = {**shorter[0].hyperparameters.values, "tuner/trial_id": shorter[0].trial_id}
            values.update({"tuner/initial_epoch": values["tuner/epochs"], "tuner/epochs": epochs})
            return {"status": "RUNNING", "values": values}

        self.oracle.populate_space = populate_space

    def _shorter(self, epochs: int) -> list[Any]:
        values = {one.trial_id: one.hyperparameters.values for one in self.oracle.trials.values()}
        gone_on = {one.get("tuner/trial_id") for one in values.values()}
        trials = [one for one in self.oracle.trials.values() if one.status == "COMPLETED"]
        trials = [one for one in trials if values[one.trial_id].get("tuner/epochs", epochs) < epochs]
        return sorted((one for one in trials if one.trial_id not in gone_on), key=_best_first)

    def run_trial(self, trial, *args, **kwargs):
        values = trial.hyperparameters.values
        if "tuner/trial_id" in values:
            kwargs.update(epochs=values["tuner/epochs"], initial_epoch=values["tuner/initial_epoch"])
        return super().run_trial(trial, *args, **kwargs)

    def _build_hypermodel(self, hp):
        model = super()._build_hypermodel(hp)
        if before := hp.values.get("tuner/trial_id"):
            model.load_weights(self._get_checkpoint_fname(before))
        return model


class _Random(_Longer, keras_tuner.RandomSearch):
    pass


class _Hyperband(_Watched, keras_tuner.Hyperband):
    pass


class _Bayesian(_Longer, keras_tuner.BayesianOptimization):
    def search(self, *args, **kwargs) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of its Gaussian process, before nearly every trial
            super().search(*args, **kwargs)


TUNERS = {"random": _Random, "hyperband": _Hyperband, "bayesian": _Bayesian}


def make_tuner(
    kind: str,
    hypermodel: keras_tuner.HyperModel,
    out: Path,
    *,
    trials: int,
    epochs: int,
    seed: int,
    before: int | None = None,
) -> keras_tuner.Tuner:
    """A tuner that looks for the largest validation accuracy; if `out` holds its state it goes on from there.

    Args:
        kind: "random"; "bayesian", whose first third of trials (at least two) is random; or "hyperband".
        hypermodel: The space; its name is that of the state's folder.
        out: Folder to put the state in.
        trials: Positive int, the most trials that are run, failed ones and those of an earlier run included. To
            "hyperband" every training is a trial, that of a winner which trains on as well. It drops at least two
            thirds per round, more where else its first bracket would not fit; with too few trials for any bracket
            it is a random search. The others do not count a training that goes on with an earlier trial.
        epochs: Positive int, epochs of a trial; "hyperband" gives all of them to the winners only.
        seed: Int in [0, 2**32), draws the configurations.
        before: Epochs of the trials in `out`, or None if they are `epochs`; those of fewer train on, see `_Longer`.

    Raises:
        ValueError: If `kind` is unknown or the state in `out` cannot be read.
    """
    check_known("tuner", kind, TUNERS)
    limits: dict[str, Any] = {
        "random": {"max_trials": trials},
        "bayesian": {"max_trials": trials, "num_initial_points": max(2, trials // 3)},
        "hyperband": {"max_epochs": epochs, "factor": _factor(trials, epochs), "hyperband_iterations": 10**6},
    }
    try:
        tuner = TUNERS[kind](
            hypermodel,
            objective=keras_tuner.Objective("val_accuracy", "max"),
            seed=1 + seed % (2**32 - 1),  # keras-tuner takes 0 for none
            max_consecutive_failed_trials=trials + 1,  # never: failed trials do not end the others
            directory=str(out),
            project_name=hypermodel.name,
            **limits[kind],
        )
    # keras-tuner reads its files as they come; a KeyError becomes a RuntimeError.
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, RecursionError) as error:
        raise ValueError(
            f"`out` must hold no search or an undamaged one: {error!r}. Received: out={str(out)!r}"
        ) from error
    tuner.oracle.max_trials = trials
    if isinstance(tuner, _Longer) and role() != "worker":
        tuner.train_on(before, epochs)
    return tuner


def _factor(trials: int, epochs: int) -> int:
    """The smallest reduction factor from 3 on whose first bracket fits, or one that leaves no rounds."""
    return next((factor for factor in range(3, epochs + 1) if _bracket(epochs, factor) <= trials), epochs + 3)


def _bracket(epochs: int, factor: int) -> int:
    """Trainings in Hyperband's first bracket, as keras-tuner sizes it."""
    rounds = 1
    while epochs / factor**rounds >= 1:
        rounds += 1
    winners = math.ceil(1 + math.log(epochs, factor)) / rounds
    return sum(math.ceil(winners * factor**before) for before in range(rounds))


def _best_first(trial) -> tuple[float, int]:
    """Sort as `ranked` does: of equal trials the earlier is the better."""
    return -trial.score, int(trial.trial_id)
