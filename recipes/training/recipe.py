"""Recipe: everything that decides a training run, as plain data, and the registry of recipes."""

import dataclasses
import importlib
import json
from collections.abc import Callable
from typing import Any

from zoo.data.resizing import RESIZE, height_and_width
from zoo.files import read_json
from zoo.layers.arguments import (
    check_known,
    int_at_least,
    non_negative_float,
    positive_float,
    positive_int,
    probability,
    proper_fraction,
)
from zoo.registry import find as find_model


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One training run as data.

    Args:
        name: Name of the recipe.
        model: Name of a model in the zoo that has the options `input_shape` and `classes`.
        data: Name of a data set, or a path to a folder of images, a `.csv` or an `.npz` file, see `zoo.data.load`.
        image_size: None, or height and width of the images, an int or a pair, see `zoo.data.load`.
        resize: None, or how images of another size come to it, likewise.
        paper: Table or section it reproduces; empty for our own settings.
        options: The model builder's options; `input_shape` and `classes` come from the data if absent.
        augment: None, `"crop"`, `"crop_flip"` or `"resized_crop_flip"`.
        optimizer: `"sgd"` or `"adam"`.
        learning_rate: Initial learning rate, > 0.
        momentum: Momentum of `"sgd"`, in [0, 1).
        schedule: `"cosine"` (to 0 over all epochs, per step), `"cosine_per_epoch"` or `"constant"`.
        warmup_epochs: First epochs, or fraction of one, in which the rate grows from 0 to `learning_rate` by equal
            steps per update, before `schedule` begins; >= 0 and below `epochs`.
        final_epochs: Last epochs of `"cosine_per_epoch"`, at a rate of 1e-5.
        batch_size: Examples per update, >= 1.
        epochs: Passes over the training split, >= 1.
        validation: Examples (int) or share (float) held out of the training split; None is the data's own default.
        randomize_period: None, or updates between redraws of pruned weights (IteRand's K_per), >= 1.
        randomize_rate: The probability that a pruned weight is redrawn (IteRand's r), in [0, 1].
        frozen_from: None, or the folder of a finished run whose embedding network is taken and kept frozen.
        start_from: None, or what the weights are taken from before training: the folder of a run, or what `zoo.build`
            takes as `weights` for `model`. They bring the options they were trained with, but for `samples`, `rate` and
            `weight_decay`. Everything but the coins' random state is taken, and of other classes everything but the
            head; optimizer and schedule begin anew.
        precision: Keras dtype policy, `"float32"`, `"mixed_bfloat16"` or `"mixed_float16"`.
        samples: Numbers of flips that the trained model is evaluated with.
        seed: Seed of weights, coins, order and augmentation, in [0, 2**32).

    Raises:
        ValueError: If a value is outside its range, or the model or one of its options does not exist.
    """

    name: str
    model: str
    data: str = "digits"
    image_size: int | tuple[int, int] | None = None
    resize: str | None = None
    paper: str = ""
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    augment: str | None = None
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup_epochs: float = 0
    final_epochs: int = 0
    batch_size: int = 128
    epochs: int = 200
    validation: int | float | None = None
    randomize_period: int | None = None
    randomize_rate: float = 0.1
    frozen_from: str | None = None
    start_from: str | None = None
    precision: str = "float32"
    samples: tuple[int, ...] = (1, 5, 25, 100)
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value; JSON's lists become tuples."""
        for key in ("name", "model", "data", "paper"):
            if not isinstance(getattr(self, key), str):
                self._refuse(key, "a text")
        if not isinstance(self.options, dict):
            self._refuse("options", "a dict")
        for key in ("frozen_from", "start_from"):
            if getattr(self, key) is not None and not isinstance(getattr(self, key), str):
                self._refuse(key, "None or a text")
        if not {"input_shape", "classes"} <= set(find_model(self.model).options):
            self._refuse("model", "a model of images, with the options input_shape and classes")
        for key in ("samples", "image_size"):
            if isinstance(getattr(self, key), list):
                object.__setattr__(self, key, tuple(getattr(self, key)))
        if self.image_size is not None:
            height_and_width(self.image_size)
        for key, allowed in _CHOICES.items():
            if getattr(self, key) not in allowed:
                self._refuse(key, f"one of {', '.join(map(repr, allowed))}")
        for key, check in _CHECKS.items():
            check(key, getattr(self, key))
        if not isinstance(self.samples, tuple) or not self.samples:
            self._refuse("samples", "a list of positive ints, the evaluation's (the model's own is options.samples)")
        for flips in self.samples:
            positive_int("samples", flips)
        if self.randomize_period is not None:
            positive_int("randomize_period", self.randomize_period)
        if self.final_epochs and self.schedule != "cosine_per_epoch":
            self._refuse("schedule", "'cosine_per_epoch' where there are final_epochs")
        if self.warmup_epochs + self.final_epochs >= self.epochs:
            self._refuse("epochs", "more than warmup_epochs and final_epochs together")
        for option in self.options:
            check_known("key", option, find_model(self.model).options)

    def replace(self, settings: dict[str, Any]) -> "Recipe":
        """Return the recipe with other values; a key is one of the recipe's fields or of the model's options.

        Where both have a key (`samples`), `options.KEY` is the model's. `options` replaces all of them, but for those
        that are given by their own keys.

        Raises:
            ValueError: If a key does not exist (the nearest match is shown) or a value is outside its range.
        """
        fields = {field.name for field in dataclasses.fields(self)}
        options = set(find_model(settings.get("model", self.model)).options)
        chosen = settings.get("options", self.options)
        if not isinstance(chosen, dict):
            raise ValueError(f"`options` must be a dict of the model's options. Received: options={chosen!r}")
        changes: dict[str, Any] = {"options": dict(chosen)}
        for key, value in settings.items():
            check_known("key", key, fields | options | {f"options.{option}" for option in options})
            if key not in fields:
                changes["options"][key.removeprefix("options.")] = value
            elif key != "options":
                changes[key] = value
        return dataclasses.replace(self, **changes)

    def loading(self) -> dict[str, Any]:
        """Return the arguments of `zoo.data.load` beside the data's name and folder."""
        return {"validation": self.validation, "image_size": self.image_size, "resize": self.resize}

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as a dict of JSON's types."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """Build the recipe of such a dict.

        Raises:
            ValueError: If a key is unknown or missing, or a value is outside its range.
        """
        for key in values:
            check_known("key", key, {field.name for field in dataclasses.fields(cls)})
        missing = {"name", "model"} - set(values)
        if missing:
            raise ValueError(f"A recipe needs the keys 'name' and 'model'. Missing: {', '.join(sorted(missing))}")
        return cls(**values)

    def _refuse(self, key: str, allowed: str) -> None:
        raise ValueError(f"`{key}` must be {allowed}. Received: {key}={getattr(self, key)!r}")


_CHOICES: dict[str, tuple] = {
    "augment": (None, "crop", "crop_flip", "resized_crop_flip"),
    "optimizer": ("sgd", "adam"),
    "schedule": ("cosine", "cosine_per_epoch", "constant"),
    "resize": (None, *RESIZE),
    "precision": ("float32", "mixed_bfloat16", "mixed_float16"),
}
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "batch_size": positive_int,
    "epochs": positive_int,
    "final_epochs": int_at_least,
    "seed": int_at_least,
    "learning_rate": positive_float,
    "warmup_epochs": non_negative_float,
    "momentum": proper_fraction,
    "randomize_rate": probability,
}
_RECIPES: dict[str, Recipe] = {}


def register(recipe: Recipe) -> Recipe:
    """Register a recipe under its name; `ValueError` if the name is taken."""
    if recipe.name in _RECIPES:
        raise ValueError(f"A recipe is already registered under this name. Received: name={recipe.name!r}")
    _RECIPES[recipe.name] = recipe
    return recipe


def names() -> list[str]:
    """Sorted names of the registered recipes."""
    # By name, because papers are above: they register what this file runs.
    for module in importlib.import_module("zoo.recipes.papers").TRAININGS:
        importlib.import_module(module)
    return sorted(_RECIPES)


def find(name_or_path: str) -> Recipe:
    """Return the recipe of that name, or the one in that `.json` file.

    Raises:
        ValueError: If the name is unknown or the file is not a recipe.
        FileNotFoundError: If the path ends in `.json` and there is no such file.
    """
    if not name_or_path.endswith(".json"):
        check_known("recipe", name_or_path, names())
        return _RECIPES[name_or_path]
    values = read_json(name_or_path)
    try:
        return Recipe.from_dict(values)
    except ValueError as error:
        raise ValueError(f"{name_or_path!r} is no recipe: {error}") from error


def model_options(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as options of a model: each key is an option, or `options.` and one.

    Raises:
        ValueError: If a key is both a recipe's and could be the model's (`samples`).
    """
    fields = {field.name for field in dataclasses.fields(Recipe)}
    for key, value in settings.items():
        if key in fields:
            raise ValueError(
                f"`{key}` is a recipe's, and no option of a model: that is options.{key}. Received: {key}={value!r}"
            )
    return {key.removeprefix("options."): value for key, value in settings.items()}


def parse_settings(settings: list[str] | None) -> dict:
    """KEY=VALUE pairs, values read as JSON where they are JSON and as text elsewhere."""
    parsed = {}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"`--set` must be KEY=VALUE. Received: --set {setting}")
        try:
            parsed[key] = json.loads(value)
        except (ValueError, RecursionError):  # no JSON, or an int of thousands of digits
            parsed[key] = value
    return parsed
