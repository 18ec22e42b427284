"""The trained coin-flipping models that an experiment measures, with their data: the settings `models` and `data`."""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

import zoo
from zoo.amplification.coin_graph import has_coins
from zoo.data.datasets import Dataset
from zoo.data.split import Split
from zoo.recipes.experiments.experiment import Row, Settings
from zoo.recipes.training.data_to_evaluate import data_to_evaluate
from zoo.recipes.training.finished_run import trained_model

SPLITS = ("train", "val", "test")
# By default shipped weights are measured. Empty `data` is what a model was trained on, 0 `examples` is all.
SETTINGS: Settings = {"models": ["resnet20_cfnn:digits"], "data": "", "examples": 0, "repetitions": 1}


class Loaded(NamedTuple):
    """Trained model, its data, and the name of the data."""

    model: keras.Model
    data: Dataset
    name: str


def points(settings: Settings) -> list[Row]:
    """Points, one per model and split."""
    return [{"model": model, "split": split} for model in settings["models"] for split in settings["splits"]]


def prepare(settings: Settings, data_dir: str | None) -> dict[str, Loaded]:
    """Load the models and their data, by the models' names.

    Raises:
        ValueError: If a model is not there or does not fit the data.
    """
    loaded: dict[str, Loaded] = {}
    for name in settings["models"]:
        built = trained_model("models", name, seed=0)
        model, data_name = built.model, settings["data"] or built.data
        data = data_to_evaluate(built, data_name, data_dir)
        if (model.input_shape[1:], model.output_shape[-1]) != (data.input_shape, data.classes):
            raise ValueError(
                f"`models` must fit the data, {data_name} of shape {data.input_shape} with {data.classes} classes. "
                f"Received: {name!r}, for {model.input_shape[1:]} and {model.output_shape[-1]} classes"
            )
        loaded[name] = Loaded(model, data, Path(data_name).name)
    return loaded


def only_with_coins(settings: Settings, data_dir: str | None) -> dict[str, Loaded]:
    """Load the models and their data as `prepare` does.

    Raises:
        ValueError: As in `prepare`, or if a model has no coins.
    """
    loaded = prepare(settings, data_dir)
    for name, one in loaded.items():
        if not has_coins(one.model):
            raise ValueError(f"`models` must flip coins. Received: {name!r}, which has none")
    return loaded


def examples(one: Loaded, split: str, count: int) -> Split:
    """First examples of a split, or all of them if `count` is 0, with labels `(n,)`.

    Raises:
        ValueError: If there are none.
    """
    whole = getattr(one.data, split)
    count = count or len(whole.x)
    if not len(whole.x):
        raise ValueError(f"`splits` must have examples. Received: {split!r} of {one.name}")
    return Split(whole.x[:count], np.asarray(whole.y[:count]).reshape(-1))


def reseeded(one: Loaded, name: str, seed: int) -> keras.Model:
    """Model with coins of that seed; the model itself if it has none."""
    return trained_model("models", name, seed).model if has_coins(one.model) else one.model


def drawn_classes(model: keras.Model, split: Split, samples: int) -> np.ndarray:
    """Classes of every flip, `(examples, samples)`; `(examples, 1)` if the model has no coins."""
    if has_coins(model):
        return np.asarray(zoo.flips(model, split.x, samples))
    return model.predict(split.x, verbose=0).argmax(-1)[:, None]
