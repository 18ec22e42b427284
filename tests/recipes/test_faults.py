"""A training, a search and an experiment that end at any of their file operations go on to the same bits."""

import contextlib
import functools
import itertools
import json
import shutil

import keras_tuner
import numpy as np
import pytest
from experiments import register_only, stable
from file_operations import FileOperations, Killed, full_disk

from zoo.recipes.experiments.experiment import Experiment, budgets
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.reporting.results import read_results
from zoo.recipes.training import checkpoint
from zoo.recipes.training.train import train
from zoo.recipes.tuning import tuners
from zoo.recipes.tuning.tune import tune

pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning")
FAULTS = [Killed, full_disk]
_FEW = 4  # kill points of a test that is not slow


@pytest.fixture(scope="module", autouse=True)
def fast():
    """What takes most of the time here, after every run and trial."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("gc.collect", lambda *generation: 0)
        yield


@pytest.fixture
def training(recipe, monkeypatch, contents):
    """Function of a folder that trains two epochs in it and saves after every batch, and one that reads the end."""
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_S", 0)
    monkeypatch.setattr("zoo.recipes.training.train.evaluate", _evaluate)
    tensorflow = pytest.importorskip("tensorflow")
    short = recipe.replace({"epochs": 2, "samples": [1], "batch_size": 32})

    def end(out):
        weights = {}
        for name in ("last.weights.h5", "best.weights.h5", "state-2-0.weights.h5"):
            weights |= {f"{name}/{key}": value.tolist() for key, value in contents(out / name).items()}
        events = sorted(path.name for path in (out / "tensorboard").iterdir())
        state = json.loads((out / "state.json").read_text())
        lines = stable(read_results(out / "results.jsonl"))
        assert stable(state["results"]) == lines
        return weights, events, (out / "log.csv").read_text(), lines, (state["history"], state["best"])

    tensorflow.config.run_functions_eagerly(True)  # a third of the time
    yield functools.partial(train, short, resume=True, verbose=0), end
    tensorflow.config.run_functions_eagerly(False)


def _evaluate(model, *args, **options):
    """A number that follows from all weights and coins, in a hundredth of the time."""
    return [{"accuracy": float(sum(np.sum(weight.numpy(), dtype=float) for weight in model.variables)), "seconds": 1}]


@pytest.fixture
def searching(recipe, monkeypatch):
    """Likewise a search of three trials, whose scores follow from what was drawn, and whose weights from the score."""
    monkeypatch.setattr(keras_tuner.src.utils, "save_json", _save_json)

    def run_trial(self, trial, **kwargs):
        score = float(trial.hyperparameters.values["rate"])
        self.on_epoch_begin(trial, model := _Model(), 0)
        model.save_weights(self._get_checkpoint_fname(trial.trial_id))
        self.on_epoch_end(trial, model, 0)
        return {"val_accuracy": score}

    monkeypatch.setattr(tuners._Random, "run_trial", run_trial)
    monkeypatch.setattr(tuners, "write_weights", lambda model, path: _write(path, b"weights"))

    def end(out):
        names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if "tuner" not in path.name)
        oracle = json.loads((out / "tiny_cfnn/oracle.json").read_text())
        oracle["tried_so_far"].sort()  # a set, whose order is that of Python's hashes
        return names, (out / "trials.jsonl").read_text(), (out / "best.json").read_text(), oracle

    return lambda out: tune("tiny_cfnn", out, trials=3, epochs=1, data=recipe.data), end


class _Model:
    """Stands for a model that was trained."""


def _write(path, data):
    from zoo.files import write_bytes

    write_bytes(path, data)


def _save_json(path, value):
    """Write in place as keras-tuner does, where the operations are counted."""
    text = json.dumps(value)
    with open(path, "w") as file:
        file.write(text)
    return text


@pytest.fixture
def reproducing(monkeypatch):
    """Likewise an experiment of eight runs, each of two rows."""

    def run(settings, point, seed, prepared):
        return [{"layer": layer, "loss": point["depth"] + layer + seed % 7} for layer in (1, 2)]

    toy = Experiment(
        "On Toys, section 1",
        budgets({"depths": [1, 2, 3, 4], "repetitions": 2}, smoke={}),
        points=lambda settings: [{"depth": depth} for depth in settings["depths"]],
        run=run,
        report=lambda rows, out: _write(out / "table.md", str(len(rows)).encode()),
    )
    register_only(monkeypatch, toy=toy)

    def end(out):
        names = sorted(path.name for path in out.iterdir())
        return names, stable(read_results(out / "results.jsonl")), (out / "table.md").read_text()

    return functools.partial(reproduce, "toy"), end


def _sweep(run, end, folder, fault, few):
    """End a run at its file operations, one after the other, and go on: operations, and those where the end differs."""
    with FileOperations(folder) as operations:
        run(folder / "whole")
    expected, wrong = end(folder / "whole"), []
    chosen = range(1, operations.count + 1)
    if few:
        chosen = np.random.default_rng(operations.count).choice(chosen, _FEW, replace=False)
    for at in map(int, chosen):
        out = folder / "ended"
        # A full disk from the last removal of a file on harms nothing.
        with FileOperations(folder, at, fault), contextlib.suppress(Killed, OSError, RuntimeError):
            run(out)
            assert fault is full_disk
        run(out)
        hidden = [path for path in out.rglob(".*") if path.name != ".lock"]
        if end(out) != expected or hidden:
            wrong.append((at, operations.log[at - 1]))
        shutil.rmtree(out)
    return operations.count, wrong


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("what", ["training", "searching", "reproducing"])
def test_a_run_that_ends_at_a_file_operation_goes_on_to_the_same_bits(request, tmp_path, what, fault, capsys):
    count, wrong = _sweep(*request.getfixturevalue(what), tmp_path, fault, few=True)
    assert count >= 80
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("what", ["training", "searching", "reproducing"])
def test_a_run_that_ends_at_any_file_operation_goes_on_to_the_same_bits(request, tmp_path, what, fault, capsys):
    count, wrong = _sweep(*request.getfixturevalue(what), tmp_path, fault, few=False)
    with capsys.disabled():
        print(f"\n{what}, {fault.__name__}: {count} operations, {len(wrong)} wrong {wrong[:5]}")
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize("what", ["training", "searching", "reproducing"])
def test_a_run_that_ends_twice_goes_on_to_the_same_bits(request, tmp_path, what):
    run, end = request.getfixturevalue(what)
    run(tmp_path / "whole")
    expected = end(tmp_path / "whole")
    rng = np.random.default_rng(0)
    for number in range(20):
        out = tmp_path / str(number)
        for at in itertools.chain(rng.integers(1, 60, 2)):
            try:
                with FileOperations(tmp_path, int(at)):
                    run(out)
            except Killed:
                pass
        run(out)
        assert end(out) == expected
