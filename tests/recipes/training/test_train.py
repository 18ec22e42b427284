"""Training in a folder: what is written, and that a stopped run ends as the uninterrupted one does."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny

import zoo
from zoo.recipes.reporting.results import read_results
from zoo.recipes.training import checkpoint
from zoo.recipes.training.state import SavedState
from zoo.recipes.training.train import Stopped, build, train

pytestmark = pytest.mark.every_backend
_TINY = Path(tiny.__file__)


@pytest.fixture(scope="module")
def uninterrupted(recipe, tmp_path_factory):
    """The folder of the uninterrupted run, not to be changed by a test."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train(recipe, out, verbose=0)
    return out


@pytest.fixture
def whole(uninterrupted, tmp_path):
    """A copy of the folder of the uninterrupted run."""
    return shutil.copytree(uninterrupted, tmp_path / "whole")


def test_a_run_writes_what_it_says(recipe, whole, contents):
    names = {path.name for path in whole.iterdir()}
    weights = {"last.weights.h5", "best.weights.h5", "state-2-0.weights.h5", "state-3-0.weights.h5"}
    states = {"state.json", "state.previous.json"}
    assert names == {*weights, *states, "config.json", "log.csv", "results.jsonl", "tensorboard", ".lock"}
    config = json.loads((whole / "config.json").read_text())
    assert config["recipe"] == recipe.to_dict()
    assert (config["input_shape"], config["classes"]) == ([8, 8, 1], 3)
    rows = list(csv.DictReader((whole / "log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert all(0 <= float(row["val_accuracy"]) <= 1 for row in rows)
    assert len(list((whole / "tensorboard").glob("events*"))) == 3
    optimizer = [name for name in contents(whole / "last.weights.h5") if name.startswith("optimizer")]
    assert not optimizer
    best = json.loads((whole / "state.json").read_text())["best"]
    scores = [float(row["val_accuracy"]) for row in rows]
    assert best == {"epoch": int(np.argmax(scores)), "score": max(scores)}


def test_results_are_those_of_the_last_weights(recipe, whole):
    rows = read_results(whole / "results.jsonl")
    assert [(row["vote"], row["samples"]) for row in rows] == [
        ("majority", 1), ("majority", 5), ("mean", 1), ("mean", 5), ("expected", 1),
    ]  # fmt: skip
    keys = {"recipe", "model", "data", "split", "samples", "vote", "correct", "n", "seed", "backend", "versions"}
    keys |= {"command", "seconds", "accuracy", "low", "high", "machine", "nll", "nll_floor", "brier", "ece", "aurc"}
    flipped = keys | {"disagreement", "winning_share", "outputs_differ"}
    assert all(set(row) == (keys if row["vote"] == "expected" else flipped) for row in rows)
    data = zoo.data.load(recipe.data)
    model = zoo.build("tiny_cfnn", weights=whole / "last.weights.h5", input_shape=(8, 8, 1), classes=3)
    expected = zoo.amplify(model, 1, "expected").predict(data.test.x, verbose=0).argmax(-1)
    assert rows[-1]["correct"] == (expected == data.test.y).sum()
    assert rows[-1]["n"] == 30


def test_the_same_seed_gives_the_same_run_and_another_another(recipe, whole, tmp_path, contents, assert_same_run):
    train(recipe, tmp_path / "again", verbose=0)
    assert_same_run(whole, tmp_path / "again")
    train(recipe.replace({"seed": 5}), tmp_path / "other", verbose=0)
    a, b = contents(whole / "last.weights.h5"), contents(tmp_path / "other/last.weights.h5")
    assert any((a[key] != b[key]).any() for key in a)


@pytest.mark.parametrize(("number", "batches"), [(signal.SIGINT, 1), (signal.SIGINT, 6), (signal.SIGTERM, 4)], ids=str)
def test_a_signal_saves_and_resume_ends_the_same(recipe, whole, tmp_path, number, batches, assert_same_run, stop_after):
    out = tmp_path / "stopped"
    before = signal.getsignal(number)
    stop_after(batches, lambda: signal.raise_signal(number))
    with pytest.raises(Stopped, match=number.name):
        train(recipe, out, verbose=0)
    assert signal.getsignal(number) == before
    state = json.loads((out / "state.json").read_text())
    assert 4 * state["epoch"] + state["batch"] == batches
    train(recipe, out, resume=True, verbose=0)
    assert_same_run(whole, out)


def test_max_minutes_stops_and_resume_ends_the_same(recipe, whole, tmp_path, assert_same_run):
    out = tmp_path / "stopped"
    for _ in range(12):
        with pytest.raises(Stopped, match="max_minutes"):
            train(recipe, out, resume=True, max_minutes=1e-9, verbose=0)
    train(recipe, out, resume=True, verbose=0)
    assert_same_run(whole, out)


def test_kill_minus_nine_and_resume_ends_the_same(recipe, whole, tmp_path, assert_same_run):
    out = tmp_path / "killed"

    for resume, die_at in (("fresh", 3), ("resume", 4)):
        command = [sys.executable, str(_TINY), recipe.data, str(out), resume, str(die_at)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
        assert done.returncode == -signal.SIGKILL, done.stderr
    state = json.loads((out / "state.json").read_text())
    assert 4 * state["epoch"] + state["batch"] == 7
    train(recipe, out, resume=True, verbose=0)
    assert_same_run(whole, out)


def test_a_write_that_fails_leaves_the_old_state(recipe, tmp_path, monkeypatch, stop_after):
    out = tmp_path / "full"
    stop_after(2, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Stopped):
        train(recipe, out, verbose=0)
    before = _contents(out)

    def full_disk(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        train(recipe, out, resume=True, max_minutes=1e-9, verbose=0)
    assert _contents(out) == before


def _contents(folder):
    """Bytes of every file of a folder but its lock."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != ".lock"}


def test_a_finished_run_is_not_evaluated_twice(recipe, whole):
    before = (whole / "results.jsonl").read_text()
    rows = train(recipe, whole, resume=True, verbose=0)
    assert (whole / "results.jsonl").read_text() == before
    assert len(rows) == 5


def test_a_folder_with_a_run_is_refused(recipe, whole):
    with pytest.raises(ValueError, match="--resume"):
        train(recipe, whole, verbose=0)
    with pytest.raises(ValueError, match=r"has learning_rate=0.1. Received: learning_rate=0.2"):
        train(recipe.replace({"learning_rate": 0.2}), whole, resume=True, verbose=0)


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_max_minutes_must_be_positive(recipe, tmp_path, minutes):
    with pytest.raises(ValueError, match="`max_minutes` must be > 0"):
        train(recipe, tmp_path / "run", max_minutes=minutes)
    assert not (tmp_path / "run").exists()


def test_bad_data_write_nothing(recipe, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing.npz"):
        train(recipe.replace({"data": "missing.npz"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_learning_rate_falls_as_half_a_cosine(recipe):
    model = build(recipe, zoo.data.load(recipe.data))
    schedule = model.optimizer._learning_rate
    for step in (0, 3, 6, 12):  # 12 updates: 3 epochs of 4 batches
        expected = 0.1 * (1 + np.cos(np.pi * step / 12)) / 2
        np.testing.assert_allclose(float(schedule(step)), expected, atol=1e-7)
    assert model.optimizer.momentum == 0.9
    constant = build(recipe.replace({"schedule": "constant", "optimizer": "adam"}), zoo.data.load(recipe.data))
    assert float(constant.optimizer.learning_rate) == pytest.approx(0.1)


def test_mixed_precision_is_the_recipe_s_alone(recipe):
    import keras

    model = build(recipe.replace({"precision": "mixed_bfloat16"}), zoo.data.load(recipe.data))
    assert {layer.compute_dtype for layer in model.layers if layer.name.startswith("dense")} == {"bfloat16"}
    assert keras.config.dtype_policy().name == "float32"


def test_state_is_saved_within_an_epoch(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_S", 0)
    seen, save = [], SavedState.save

    def watched(self, state, weights):
        seen.append((state["epoch"], state["batch"], "metrics" in state))
        save(self, state, weights)

    monkeypatch.setattr(SavedState, "save", watched)
    train(recipe.replace({"epochs": 1}), tmp_path / "run", verbose=0)
    assert seen == [(0, 1, True), (0, 2, True), (0, 3, True), (1, 0, False)]


def test_a_diverged_training_is_an_error_and_saves_nothing(recipe, tmp_path):
    wild = recipe.replace({"learning_rate": 1e30})
    with pytest.raises(ValueError, match=r"diverged in epoch 0: its loss is (nan|inf).*`learning_rate`"):
        train(wild, tmp_path / "wild", verbose=0)
    assert not list((tmp_path / "wild").glob("*.weights.h5"))
    assert not (tmp_path / "wild" / "results.jsonl").exists()
