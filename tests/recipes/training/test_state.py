"""States of a run that are damaged: the one before is taken, or the run is refused; never is another one trained on."""

import json
import os
import shutil
import time
from contextlib import nullcontext

import numpy as np
import pytest

from zoo.files import sealed, write_json
from zoo.recipes.reporting.folders import Folder
from zoo.recipes.reporting.results import read_results
from zoo.recipes.training.finished_run import finished_run
from zoo.recipes.training.run_config import read_config
from zoo.recipes.training.state import SavedState, read_state
from zoo.recipes.training.train import Stopped, train
from zoo.recipes.training.trained import load_trained


@pytest.fixture(scope="module")
def folders(recipe, tmp_path_factory):
    """The folder of a run, and one of the same run stopped after its second epoch; not to be changed by a test."""
    root = tmp_path_factory.mktemp("runs")
    train(recipe, root / "whole", verbose=0)
    for _ in range(8):  # a batch each
        with pytest.raises(Stopped):
            train(recipe, root / "stopped", resume=True, max_minutes=1e-9, verbose=0)
    return root


@pytest.fixture
def whole(folders, tmp_path):
    return shutil.copytree(folders / "whole", tmp_path / "whole")


@pytest.fixture
def stopped(folders, tmp_path):
    return shutil.copytree(folders / "stopped", tmp_path / "stopped")


def flip(path, seed=0):
    """Flip twenty bytes."""
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    data[np.random.default_rng(seed).choice(len(data), 20, replace=False)] ^= 0xFF
    path.write_bytes(data.tobytes())


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def empty(path):
    path.write_bytes(b"")


def another(path):
    shutil.copy(path.with_name("last.weights.h5"), path)


DAMAGES = [
    ("state-2-0.weights.h5", flip),
    ("state-2-0.weights.h5", cut),
    ("state-2-0.weights.h5", another),
    ("state-2-0.weights.h5", lambda path: path.unlink()),
    ("state.json", flip),
    ("state.json", cut),
    ("state.json", empty),
    ("state.json", lambda path: path.unlink()),
    ("state.json", lambda path: path.write_text(path.read_text().replace('"epoch": 2', '"epoch": 1'))),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_a_damaged_state_gives_way_to_the_one_before(stopped, capsys, name, damage):
    expected = read_state(stopped / "state.previous.json")
    damage(stopped / name)
    assert SavedState(Folder(stopped, "config.json")).read() == expected
    (line,) = capsys.readouterr().err.splitlines()
    assert str(stopped / name) in line
    assert "Going on from the state before: epoch 1, batch 3" in line


@pytest.mark.parametrize(("name", "damage"), [DAMAGES[0], DAMAGES[5]])
def test_a_run_with_a_damaged_state_ends_the_same(recipe, folders, stopped, assert_same_run, name, damage):
    damage(stopped / name)
    train(recipe, stopped, resume=True, verbose=0)
    assert_same_run(folders / "whole", stopped)


def test_two_damaged_states_are_refused_and_kept(recipe, stopped):
    empty(stopped / "state.json")
    flip(stopped / "state-1-3.weights.h5")
    before = {path.name: path.read_bytes() for path in stopped.glob("state*")}
    with pytest.raises(ValueError, match=r"damaged: .*state\.json.*; .*state-1-3.weights.h5"):
        train(recipe, stopped, resume=True, verbose=0)
    assert {path.name: path.read_bytes() for path in stopped.glob("state*")} == before


def test_a_run_that_lost_its_states_does_not_begin_again(recipe, stopped):
    for name in ("state.json", "state.previous.json"):
        (stopped / name).unlink()
    with pytest.raises(ValueError, match=r"state\.json' is missing, and .* says that the run has begun"):
        train(recipe, stopped, resume=True, verbose=0)


def test_a_state_with_any_wrong_value_is_one_error_that_names_the_file(stopped):
    path = stopped / "state.json"
    good = json.loads(path.read_text())
    good.pop("sha256")  # as if it was written so
    wrong = [-1, 10**30, "x", [1], {"a": 1}, [[]], 1.5, True, "../../else.weights.h5", "state-1-0.weights.h5/.."]
    for key in ("epoch", "batch", "best", "history", "weights", "files", "metrics", "results"):
        for value in (*wrong, ...):
            changed = {**good, key: value}
            if value is ...:
                del changed[key]
            elif (key, type(value)) in (("metrics", list), ("results", list)):
                continue
            path.write_text(json.dumps(changed))
            if value is ... and key in ("files", "metrics", "results"):
                read_state(path)
                continue
            with pytest.raises(ValueError, match=r"state\.json'") as refused:
                read_state(path)
            assert "\n" not in str(refused.value)


@pytest.mark.parametrize("count", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_damaged_state_or_record_is_one_error_that_names_the_file(stopped, count):
    """Flipped, cut and repeated bytes: nothing is read but what was written."""
    rng = np.random.default_rng(count)
    for name, read in (("state.json", read_state), ("config.json", lambda path: read_config(path.parent))):
        path = stopped / name
        data = np.frombuffer(path.read_bytes(), np.uint8)
        good = read(path)
        for _ in range(count):
            changed = data.copy()
            where = rng.integers(len(data), size=rng.integers(1, 9))
            changed[where] = rng.integers(0, 256, size=len(where))
            path.write_bytes(changed[: rng.integers(len(data)) if rng.random() < 0.3 else None].tobytes())
            said = str(path)
            try:
                assert read(path) == good or name == "config.json"  # which has no digest
            except ValueError as error:
                said = str(error)
            assert str(path) in said
            assert "\n" not in said


def test_a_state_of_an_earlier_version_goes_on_and_says_so(recipe, folders, stopped, capsys, assert_same_run):
    state = json.loads((stopped / "state.json").read_text())
    del state["sha256"], state["files"]
    (stopped / "state.json").write_text(json.dumps(state))
    (stopped / "state.previous.json").unlink()
    train(recipe, stopped, resume=True, verbose=0)
    (line,) = capsys.readouterr().err.splitlines()
    assert "of an earlier version" in line
    assert_same_run(folders / "whole", stopped)


@pytest.mark.parametrize("content", ["", '{"vote": "mean", "samples": 1, "seed": 0}\n'])
def test_results_of_others_do_not_finish_a_run(recipe, folders, stopped, content):
    (stopped / "results.jsonl").write_text(content)
    with pytest.raises(ValueError, match="must be a finished run; this one's state has no results"):
        finished_run("runs", stopped)
    rows = train(recipe, stopped, resume=True, verbose=0)
    lines = (stopped / "results.jsonl").read_text()
    assert lines == "".join(json.dumps(row) + "\n" for row in rows) + content
    assert finished_run("runs", stopped).rows == rows


def test_results_that_were_lost_are_written_again_and_once(recipe, whole):
    before = read_results(whole / "results.jsonl")
    (whole / "results.jsonl").unlink()
    for _ in range(2):
        assert train(recipe, whole, resume=True, verbose=0) == before
        assert read_results(whole / "results.jsonl") == before


@pytest.mark.parametrize("name", ["last.weights.h5", "best.weights.h5"])
def test_damaged_weights_of_a_run_are_not_evaluated(whole, name):
    load_trained(str(whole), str(whole / name))
    flip(whole / name)
    with pytest.raises(ValueError, match=f"{name}' is damaged, or not the file that the run wrote"):
        load_trained(str(whole), str(whole / name))


def test_weights_and_logs_that_were_lost_are_made_again(recipe, folders, stopped, assert_same_run):
    for name in ("last.weights.h5", "log.csv"):
        (stopped / name).unlink()
    shutil.rmtree(stopped / "tensorboard")
    train(recipe, stopped, resume=True, verbose=0)
    assert_same_run(folders / "whole", stopped)


def test_another_recipe_is_refused_also_without_the_record(recipe, stopped):
    (stopped / "config.json").unlink()
    with pytest.raises(ValueError, match=r"without it, nothing says whose .* is"):
        train(recipe.replace({"seed": 9}), stopped, resume=True, verbose=0)


def test_a_folder_that_vanishes_in_training_is_an_error(recipe, tmp_path, stop_after):
    stop_after(3, lambda: shutil.rmtree(tmp_path / "run"))
    with pytest.raises(FileNotFoundError, match="has vanished"):
        train(recipe, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


def test_tensorboard_reads_every_epoch_once(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole / "tensorboard"))
    events.Reload()
    state = json.loads((whole / "state.json").read_text())
    found = [(event.step, event.tensor_proto.float_val[0]) for event in events.Tensors("val_accuracy")]
    assert found == [(row["epoch"], pytest.approx(row["val_accuracy"])) for row in state["history"]]


def test_the_cost_of_all_parts_of_a_training_is_added(recipe, tmp_path):
    spent = {"seconds": 0.0, "core_seconds": 0.0}
    for minutes in (1e-9, 1e-9, None):
        before, cores = time.monotonic(), sum(os.times()[:4])
        with nullcontext() if minutes is None else pytest.raises(Stopped):
            train(recipe, tmp_path, resume=True, max_minutes=minutes, verbose=0)
        now = {"seconds": time.monotonic() - before, "core_seconds": sum(os.times()[:4]) - cores}
        cost = read_state(tmp_path / "state.json")["cost"]
        assert all(spent[key] < cost[key] < spent[key] + now[key] for key in spent)
        spent = cost


def test_a_run_of_an_earlier_version_has_no_cost(recipe, stopped):
    for name in ("state.json", "state.previous.json"):
        state = read_state(stopped / name)
        del state["cost"]
        write_json(stopped / name, sealed(state))
    train(recipe, stopped, resume=True, verbose=0)
    assert "cost" not in read_state(stopped / "state.json")


@pytest.mark.parametrize(
    "cost", [None, {}, {"seconds": 1}, {"seconds": "1", "core_seconds": 1}, {"seconds": -1, "core_seconds": 1}]
)
def test_a_cost_that_is_none_is_refused(stopped, cost):
    write_json(stopped / "state.json", sealed({**read_state(stopped / "state.json"), "cost": cost}))
    with pytest.raises(ValueError, match="is no state of a run"):
        read_state(stopped / "state.json")
