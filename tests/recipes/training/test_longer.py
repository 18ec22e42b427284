"""More epochs for a run: the bits of a run of that length, or the stretched schedule; and what the run says of it."""

import json
import math
import shutil

import pytest

from zoo.recipes.reporting.results import append_results, read_results
from zoo.recipes.training.checkpoint import Checkpoint
from zoo.recipes.training.train import train

pytestmark = pytest.mark.every_backend
FOREIGN = {"vote": "none", "samples": 1, "by": "somebody"}


def config(run):
    return json.loads((run / "config.json").read_text())


def test_a_constant_rate_ends_as_the_longer_run(recipe, tmp_path, assert_same_run, capsys):
    constant = recipe.replace({"schedule": "constant"})
    train(constant, tmp_path / "whole", verbose=0)
    train(constant.replace({"epochs": 2}), tmp_path / "run", verbose=0)
    shorter = read_results(tmp_path / "run/results.jsonl")
    train(constant, tmp_path / "run", resume=True, verbose=0)
    assert_same_run(tmp_path / "run", tmp_path / "whole")
    assert len(read_results(tmp_path / "run/results.jsonl")) == len(shorter)
    assert "Going on from epoch 2 to 3: the learning rate stays 0.1" in capsys.readouterr().err
    (went_on,) = config(tmp_path / "run")["continued"]
    assert (went_on["epochs"], went_on["from_epoch"]) == (2, 2)
    assert config(tmp_path / "run")["recipe"] == constant.to_dict()
    assert "continued" not in config(tmp_path / "whole")


@pytest.fixture(scope="module")
def finished(recipe, tmp_path_factory, train_only):
    out = tmp_path_factory.mktemp("runs") / "two"
    train_only(recipe.replace({"epochs": 2}), out)
    return out


def test_a_cosine_is_that_of_all_epochs_from_there_on(recipe, finished, tmp_path, monkeypatch, train_only, capsys):
    run, rates = shutil.copytree(finished, tmp_path / "run"), []
    ended = Checkpoint.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        rates.append(float(self.model.optimizer.learning_rate))  # of the next update
        ended(self, batch, logs)

    monkeypatch.setattr(Checkpoint, "on_train_batch_end", on_train_batch_end)
    monkeypatch.setattr("zoo.recipes.training.train.evaluate", lambda *args, **kwargs: [])
    train(recipe.replace({"epochs": 4}), run, resume=True, verbose=0)
    wanted = [0.1 * (1 + math.cos(math.pi * step / 16)) / 2 for step in range(9, 17)]  # 4 updates an epoch
    assert rates == pytest.approx(wanted, rel=1e-4, abs=1e-7)
    assert "the schedule 'cosine' is that of 4 epochs from here on, the next rate 0.05" in capsys.readouterr().err


def test_a_run_killed_while_it_is_made_longer_goes_on(recipe, tmp_path, monkeypatch):
    train(recipe.replace({"epochs": 1}), tmp_path / "run", verbose=0)
    append_results(tmp_path / "run/results.jsonl", [FOREIGN])
    with monkeypatch.context() as patched:
        patched.setattr("zoo.recipes.training.train.restore", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(recipe.replace({"epochs": 2}), tmp_path / "run", resume=True, verbose=0)
    assert read_results(tmp_path / "run/results.jsonl") == [FOREIGN]
    with pytest.raises(ValueError, match=r"has epochs=2 and can only go on to more. Received: epochs=1"):
        train(recipe.replace({"epochs": 1}), tmp_path / "run", resume=True, verbose=0)
    rows = train(recipe.replace({"epochs": 2}), tmp_path / "run", resume=True, verbose=0)
    assert read_results(tmp_path / "run/results.jsonl") == [*rows, FOREIGN]
    assert json.loads((tmp_path / "run/state.json").read_text())["epoch"] == 2
    assert len(config(tmp_path / "run")["continued"]) == 1


def test_nothing_else_may_differ(recipe, finished):
    with pytest.raises(ValueError, match="batch_size=16"):
        train(recipe.replace({"epochs": 5, "batch_size": 8}), finished, resume=True, verbose=0)
    with pytest.raises(ValueError, match="pass --resume"):
        train(recipe.replace({"epochs": 5}), finished, verbose=0)
