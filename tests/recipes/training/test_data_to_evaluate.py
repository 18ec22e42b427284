"""The data that a trained model is evaluated on: a run's own while they are that, others as the run read its own."""

import numpy as np
import pytest
from PIL import Image

from zoo.recipes.training.data_to_evaluate import data_to_evaluate
from zoo.recipes.training.finished_run import is_published
from zoo.recipes.training.trained import Trained, load_trained

LOADING = {"validation": None, "image_size": None, "resize": None}


def write(folder, count, shape=(4, 4, 3), classes=("cat", "dog")):
    """Write that many pictures of each class."""
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(np.full(shape, number, "uint8")).save(folder / name / f"{number}.png")
    return str(folder)


def trained(data, loading=LOADING, names=("cat", "dog"), examples=None):
    return Trained(None, data, "", "", loading, names, examples)


def test_examples_that_were_trained_on_are_not_held_out_of_a_folder_that_has_grown(tmp_path):
    own = write(tmp_path / "own", 10)
    run = trained(own, examples={"train": 16, "val": 2, "test": 2})
    assert len(data_to_evaluate(run).test.y) == 2
    write(tmp_path / "own", 15)
    for split in ("test", "val"):
        with pytest.raises(ValueError, match=rf"The data have changed .*'train': 16.* for {split} .*'train': 24"):
            data_to_evaluate(run, split=split)
    assert len(data_to_evaluate(run, split="train").train.y) == 24
    write(tmp_path / "new", 5)
    assert len(data_to_evaluate(run, str(tmp_path / "new"), split="train").train.y) == 8


def test_a_test_split_of_its_own_may_grow(tmp_path):
    own = tmp_path / "own"
    write(own / "train", 10)
    write(own / "test", 3)
    run = trained(str(own), examples={"train": 18, "val": 2, "test": 6})
    write(own / "test", 4)
    assert len(data_to_evaluate(run).test.y) == 8


def test_names_of_fewer_classes_than_the_model_s_are_kept(tmp_path):
    dogs = write(tmp_path / "dogs", 5, classes=("dog",))
    (tmp_path / "dogs.csv").write_text("".join(["file,label\n", *(f"dogs/dog/{n}.png,dog\n" for n in range(5))]))
    found = data_to_evaluate(trained("photos"), str(tmp_path / "dogs.csv"), split="train")
    assert set(found.train.y) == {1}, dogs


def test_other_images_come_to_the_run_s_size_as_its_own_did(tmp_path):
    wide = write(tmp_path / "wide", 5, (8, 24, 3))
    for folder in (tmp_path / "wide").iterdir():
        for file in folder.iterdir():
            picture = np.zeros((8, 24, 3), "uint8")
            picture[:, 8:16] = 200  # all that the largest centred square shows
            Image.fromarray(picture).save(file)
    run = trained("photos", {**LOADING, "image_size": 8, "resize": "crop"})
    assert (data_to_evaluate(run, wide, split="train").train.x[:2] == 200).all()
    assert data_to_evaluate(run, wide, split="train", image_size=4).input_shape == (4, 4, 3)
    run = trained("photos", {**LOADING, "image_size": 8, "resize": "imagenet"}, None)
    assert data_to_evaluate(run, "digits").input_shape == (8, 8, 1)


def test_a_folder_does_not_hide_a_model_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resnet20_cfnn").mkdir()
    assert load_trained("resnet20_cfnn", "digits").data == "digits"
    (tmp_path / "resnet20_cfnn:digits").mkdir()
    assert is_published("resnet20_cfnn:digits")
