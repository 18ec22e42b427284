"""The tiny models, registered for one test, their data, and what tests of runs share."""

from contextlib import contextmanager

import h5py
import numpy as np
import pytest
import tiny
from experiments import stable

from zoo import registry
from zoo.recipes.reporting.results import read_results
from zoo.recipes.training import train as training
from zoo.recipes.training.checkpoint import Checkpoint
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.state import read_state


@contextmanager
def registered(builder, search=None):
    """A registry of models that has one more, and forgets it."""
    before = dict(registry._MODELS)
    registry.register(paper="A paper", section="1", search=search)(builder)
    yield
    registry._MODELS.clear()
    registry._MODELS.update(before)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A recipe of the tiny model on its own data: 63 training examples in 4 batches, 7 for validation."""
    with registered(tiny.tiny_cfnn, {"rate": (0.1, 0.5), "samples": [1, 3]}):
        data = tiny.write_npz(tmp_path_factory.mktemp("data") / "tiny.npz")
        yield Recipe("tiny", "tiny_cfnn", data, epochs=3, batch_size=16, augment="crop", samples=(1, 5), seed=4)


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    """A recipe of the tiny masked model: twelve updates, a redraw after every third."""
    with registered(tiny.tiny_masked):
        yield Recipe(
            "masked", "tiny_masked", tiny.write_npz(tmp_path_factory.mktemp("data") / "data.npz"),
            options={"weight_decay": 1e-3, "kernel_initializer": "kaiming_uniform"}, augment="crop",
            schedule="cosine_per_epoch", warmup_epochs=1, epochs=3, batch_size=16, learning_rate=0.2,
            randomize_period=3, randomize_rate=0.5, samples=(1,), seed=4,
        )  # fmt: skip


@pytest.fixture(scope="session")
def train_only():
    """Function of a recipe and the folder of its run: train without the evaluation at the end, which takes as long."""

    def run(recipe, out):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(training, "evaluate", lambda *args, **kwargs: [])
            training.train(recipe, out, verbose=0)

    return run


@pytest.fixture(scope="session")
def contents():
    """Function of the path of a weights file: every dataset by its name."""

    def read(path):
        found = {}

        def keep(name, item):
            if isinstance(item, h5py.Dataset):
                found[name] = item[()]

        with h5py.File(path) as file:
            file.visititems(keep)
        assert found
        return found

    return read


@pytest.fixture(scope="session")
def assert_same_run(contents):
    """Function of two run folders: same weights, optimizer, coins, history and results, to the last bit."""

    def compare(one, other):
        for name in ("last.weights.h5", "best.weights.h5", "state-3-0.weights.h5"):
            a, b = contents(one / name), contents(other / name)
            assert a.keys() == b.keys()
            for key in a:
                np.testing.assert_array_equal(a[key], b[key], err_msg=key)
        assert (one / "log.csv").read_text() == (other / "log.csv").read_text()
        assert _names(one / "tensorboard") == _names(other / "tensorboard")
        # Files of the same weights differ in the names that Keras gives to later models of a process.
        states = [read_state(run / "state.json") for run in (one, other)]
        for state in states:
            state.pop("files")
            state.pop("cost")
        rows = [state.pop("results") for state in states]
        assert states[0] == states[1]
        assert stable(rows[0]) == stable(rows[1])
        assert stable(read_results(one / "results.jsonl")) == stable(read_results(other / "results.jsonl"))

    return compare


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def stop_after(monkeypatch):
    """Function of a number of batches and an action: the process does it after that many batches, from then on."""

    def patch(batches, action):
        count = 0
        ended = Checkpoint.on_train_batch_end

        def on_train_batch_end(self, batch, logs=None):
            nonlocal count
            count += 1
            if count == batches:
                action()
            ended(self, batch, logs)

        monkeypatch.setattr(Checkpoint, "on_train_batch_end", on_train_batch_end)

    return patch
