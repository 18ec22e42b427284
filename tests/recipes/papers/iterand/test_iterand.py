"""IteRand through `zoo train`: redraws at the period, exact resume, results without votes, publishing."""

import json
import re
import shutil
import signal

import numpy as np
import pytest

import zoo
from zoo.recipes.reporting.results import read_results
from zoo.recipes.training.checkpoint import Stopped
from zoo.recipes.training.publish import publish
from zoo.recipes.training.train import train


@pytest.fixture(scope="module")
def whole(masked, tmp_path_factory):
    """The folder of the uninterrupted run."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train(masked, out, verbose=0)
    return out


def kernels(model):
    return [np.array(layer.kernel) for layer in model.layers if hasattr(layer, "scores")]


@pytest.mark.every_backend
def test_pruned_weights_are_redrawn_and_no_others(masked, whole):
    options = {"input_shape": (8, 8, 1), "classes": 3, **masked.options}
    before = zoo.build("tiny_masked", seed=4, **options)
    after = zoo.build("tiny_masked", weights=whole / "last.weights.h5", **options)
    moved = [np.mean(a != b) for a, b in zip(kernels(before), kernels(after), strict=True)]
    assert all(0.2 < share < 0.9 for share in moved[1:])  # three redraws of about a quarter of all weights
    plain = masked.replace({"randomize_period": None})
    train(plain, whole.with_name("plain"), verbose=0)
    unchanged = zoo.build("tiny_masked", weights=whole.with_name("plain") / "last.weights.h5", **options)
    for a, b in zip(kernels(before), kernels(unchanged), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.every_backend
@pytest.mark.parametrize("batches", [3, 8])
def test_a_stopped_run_redraws_as_it_would_have(masked, whole, tmp_path, batches, contents, stop_after):
    stop_after(batches, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Stopped):
        train(masked, tmp_path / "stopped", verbose=0)
    train(masked, tmp_path / "stopped", resume=True, verbose=0)
    one, other = contents(whole / "state-3-0.weights.h5"), contents(tmp_path / "stopped/state-3-0.weights.h5")
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_the_result_is_one_line_without_a_vote(masked, whole):
    (row,) = read_results(whole / "results.jsonl")
    assert (row["vote"], row["samples"], row["model"]) == ("none", 1, "tiny_masked")
    data = zoo.data.load(masked.data)
    options = {"input_shape": (8, 8, 1), "classes": 3, **masked.options}
    model = zoo.build("tiny_masked", weights=whole / "last.weights.h5", **options)
    assert row["correct"] == (model.predict(data.test.x, verbose=0).argmax(-1) == data.test.y).sum()


def test_the_card_says_that_a_run_was_continued(whole, tmp_path):
    run = shutil.copytree(whole, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["continued"] = [{"epochs": 2, "from_epoch": 2, "command": "zoo train"}]
    (run / "config.json").write_text(json.dumps(config))
    publish(run, "tiny", tmp_path / "saved_models")
    card = (tmp_path / "saved_models/tiny_masked-tiny/README.md").read_text()
    assert "Planned for 2 epochs, from epoch 2 on continued by the schedule of more." in card


def test_a_masked_run_is_published_as_a_supermask(masked, whole, tmp_path, monkeypatch):
    row = publish(whole, "tiny", tmp_path / "saved_models")
    assert row["file"] == "tiny_masked-tiny/model.supermask"
    monkeypatch.setattr(zoo.weights.pretrained, "_FOLDERS", (tmp_path / "saved_models",))
    (tmp_path / "saved_models/manifest.json").write_text(json.dumps([row]))
    model = zoo.build("tiny_masked", weights="tiny")
    options = {"input_shape": (8, 8, 1), "classes": 3, **masked.options}
    trained = zoo.build("tiny_masked", weights=whole / "last.weights.h5", **options)
    x = zoo.data.load(masked.data).test.x
    np.testing.assert_array_equal(model.predict(x, verbose=0), trained.predict(x, verbose=0))
    card = (tmp_path / "saved_models/tiny_masked-tiny/README.md").read_text()
    assert "no vote" in card
    assert "no table of a paper is claimed" in card
    assert "continued" not in card
    assert re.search(r"\nIt took [\d.e-]+ hours and [\d.e-]+ core hours, the time of processors\.\n", card)
    for layer in model.layers:
        if hasattr(layer, "scores"):
            assert set(np.unique(np.array(layer.scores))) <= {0.0, 1.0}
            assert np.sum(np.array(layer.scores)) == -(-np.size(np.array(layer.scores)) // 2)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("randomize_period", 0), ("randomize_period", 1.5), ("randomize_rate", -0.1), ("randomize_rate", 1.1),
        ("warmup_epochs", -1), ("final_epochs", 1.5), ("augment", "rotate"), ("schedule", "linear"),
    ],
)  # fmt: skip
def test_bad_keys_are_refused(masked, key, value):
    with pytest.raises(ValueError, match=f"`{key}`"):
        masked.replace({key: value})


def test_final_epochs_belong_to_the_schedule_per_epoch(masked):
    assert masked.replace({"schedule": "cosine"}).warmup_epochs == 1
    with pytest.raises(ValueError, match="`schedule`"):
        masked.replace({"schedule": "cosine", "final_epochs": 1})
    with pytest.raises(ValueError, match="`epochs`"):
        masked.replace({"epochs": 1})
