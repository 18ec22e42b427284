"""Training on a folder of images: stopped, it ends as it would have otherwise."""

import signal

import numpy as np
import pytest
import tiny
from pictures import write_pictures

from zoo.data.datasets import load
from zoo.recipes.training import train as training
from zoo.recipes.training.checkpoint import Checkpoint, Stopped
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.trained import load_trained


def test_a_stopped_run_ends_as_the_uninterrupted_one_does(contents, tmp_path, monkeypatch, own_registry):
    write_pictures(tmp_path / "pictures")
    own_registry(paper="A paper", section="1")(tiny.tiny_cfnn)
    # Four batches of one size: it is compiled once.
    recipe = Recipe(
        "tiny", "tiny_cfnn", str(tmp_path / "pictures"), epochs=2, batch_size=3, validation=9,
        augment="resized_crop_flip", samples=(1,), seed=4, image_size=24,
    )  # fmt: skip
    rows = training.train(recipe, tmp_path / "whole", verbose=0)
    assert [(row["vote"], row["n"]) for row in rows] == [("majority", 12), ("mean", 12), ("expected", 12)]
    monkeypatch.setattr(training, "evaluate", lambda *args, **kwargs: [])  # seen to work, and slow
    count = 0
    ended = Checkpoint.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        nonlocal count
        count += 1
        if count == 2:
            signal.raise_signal(signal.SIGTERM)
        ended(self, batch, logs)

    monkeypatch.setattr(Checkpoint, "on_train_batch_end", on_train_batch_end)
    with pytest.raises(Stopped):
        training.train(recipe, tmp_path / "stopped", verbose=0)
    training.train(recipe, tmp_path / "stopped", resume=True, verbose=0)
    for name in ("last.weights.h5", "best.weights.h5"):
        a, b = contents(tmp_path / "whole" / name), contents(tmp_path / "stopped" / name)
        assert a.keys() == b.keys() != set()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])
    assert (tmp_path / "whole/log.csv").read_text() == (tmp_path / "stopped/log.csv").read_text()
    loading = load_trained(str(tmp_path / "whole")).loading
    assert loading == {"validation": 9, "image_size": 24, "resize": None}
    assert load(recipe.data, **loading).input_shape == (24, 24, 3)
