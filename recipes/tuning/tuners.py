"""keras-tuner's searches: their names, how many trials they run, and where they go on."""

import functools
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras_tuner
from sklearn.exceptions import ConvergenceWarning

from zoo.files import write_weights
from zoo.layers.arguments import check_known


class _Watched:
    """A tuner that tells `watcher` of every epoch and of every trial that ends, and keeps its state in `snapshot`."""

    watcher: Any = None
    snapshot: Any = None

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
        super().on_trial_end(trial)
        if self.snapshot:
            self.snapshot.take()
        if self.watcher:
            self.watcher.end(self.oracle.get_trial(trial.trial_id))


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


class _Random(_Watched, keras_tuner.RandomSearch):
    pass


class _Hyperband(_Watched, keras_tuner.Hyperband):
    pass


class _Bayesian(_Watched, keras_tuner.BayesianOptimization):
    def search(self, *args, **kwargs) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of its Gaussian process, before nearly every trial
            super().search(*args, **kwargs)


TUNERS = {"random": _Random, "hyperband": _Hyperband, "bayesian": _Bayesian}


def make_tuner(
    kind: str, hypermodel: keras_tuner.HyperModel, out: Path, *, trials: int, epochs: int, seed: int
) -> keras_tuner.Tuner:
    """A tuner that looks for the largest validation accuracy; if `out` holds its state it goes on from there.

    Args:
        kind: "random"; "bayesian", whose first third of trials (at least two) is random; or "hyperband".
        hypermodel: The space; its name is that of the state's folder.
        out: Folder to put the state in.
        trials: Positive int, the most trials that are run, failed ones and those of an earlier run included. To
            "hyperband" every training is a trial, that of a winner which trains on as well. It drops at least two
            thirds per round, more where else its first bracket would not fit; with too few trials for any bracket
            it is a random search.
        epochs: Positive int, epochs of a trial; "hyperband" gives all of them to the winners only.
        seed: Int in [0, 2**32), draws the configurations.

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
