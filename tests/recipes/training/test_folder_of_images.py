"""Training on a folder of images: stopped, it ends as it would have otherwise."""

import json
import shutil
import signal

import numpy as np
import pytest
import tiny
from pictures import write_pictures
from PIL import Image

from zoo.data.datasets import load
from zoo.recipes.training import train as training
from zoo.recipes.training.checkpoint import Checkpoint, Stopped
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.trained import Trained, load_trained


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


def test_other_data_are_numbered_by_the_run_s_classes(zoo_command, tmp_path, monkeypatch):
    for name, classes in {"own": ("bee", "ant"), "other": ("ant", "bee"), "more": ("ant", "bee", "cow")}.items():
        for label in classes:
            (tmp_path / name / label).mkdir(parents=True)
            for number in range(4):
                Image.fromarray(np.full((5, 5, 3), 100 * (label == "bee"), "uint8")).save(
                    tmp_path / name / label / f"{number}.png"
                )
    own = str(tmp_path / "own")
    trained = Trained(None, own, "", "", {"image_size": 7}, ("bee", "ant"))
    seen = []
    monkeypatch.setattr("zoo.recipes.training.trained.load_trained", lambda *arguments: trained)
    monkeypatch.setattr("zoo.recipes.training.evaluate.evaluate", lambda model, split, *_, **__: seen.append(split))
    monkeypatch.setattr("zoo.recipes.reporting.votes.report", str)
    monkeypatch.chdir(tmp_path)
    for data, size in (("own", 7), (own, 7), ("other", 7)):  # by whatever path, as the run read its own
        assert zoo_command("evaluate", "any", "--data", data, "--split", "train")[0] == 0
        split = seen.pop()
        assert split.class_names == ("bee", "ant")
        assert split.x.shape[1] == size
        np.testing.assert_array_equal(split.y == 0, split.x[np.arange(len(split.y))][:, 0, 0, 0] == 100)
    code, _, errors = zoo_command("evaluate", "any", "--data", "more")
    assert code == 1
    assert "a folder for each of `class_names`" in errors


def test_published_weights_know_their_classes():
    assert load_trained("resnet20_cfnn", "cifar10").class_names[:2] == ("airplane", "automobile")


def test_a_run_goes_on_with_the_data_it_began_with_only(tmp_path, train_only, own_registry):
    write_pictures(tmp_path / "pictures")
    own_registry(paper="A paper", section="1")(tiny.tiny_cfnn)
    recipe = Recipe(
        "tiny", "tiny_cfnn", str(tmp_path / "pictures"), epochs=1, batch_size=30, image_size=8, samples=(1,)
    )
    train_only(recipe, tmp_path / "run")
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["examples"] == {"train": 19, "val": 2, "test": 12}
    first = next((tmp_path / "pictures/train/ant").glob("*.png"))
    shutil.copy(first, first.with_name("more.png"))
    with pytest.raises(ValueError, match=r"The data have changed: .*'train': 19.*Received: examples=.*'train': 20"):
        training.train(recipe, tmp_path / "run", resume=True)
    first.with_name("more.png").unlink()
    for part in ("train", "test"):
        (tmp_path / "pictures" / part / "ant").rename(tmp_path / "pictures" / part / "zebra")
    with pytest.raises(
        ValueError, match=r"The data have changed: .*class_names=\['Zebra', 'ant'.*Received: class_names="
    ):
        training.train(recipe, tmp_path / "run", resume=True)
    for key in ("class_names", "examples"):  # as runs of earlier versions
        config.pop(key)
    (tmp_path / "run/config.json").write_text(json.dumps(config))
    training.train(recipe, tmp_path / "run", resume=True)
