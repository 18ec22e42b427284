"""`config.json` of a run: what was trained, on what sizes, and where."""

from pathlib import Path
from typing import Any, NamedTuple

from zoo.data.datasets import Dataset
from zoo.files import read_json
from zoo.recipes.training.recipe import Recipe

NAME = "config.json"


class RunConfig(NamedTuple):
    """The recipe of a run, the sizes of its data, and the environment it was trained in."""

    recipe: Recipe
    sizes: dict[str, Any]
    environment: dict[str, Any]


def numbers_of_examples(data: Dataset) -> dict[str, int]:
    """Return the number of examples of each split, as `config.json` has them under "examples"."""
    return {name: len(split.y) for name, split in zip(Dataset._fields, data, strict=True)}


def read_config(folder: Path) -> RunConfig:
    """Read a run's `config.json`.

    Raises:
        ValueError: If it is damaged; the error names the file.
        FileNotFoundError: If there is none.
    """
    path = folder / NAME
    values = read_json(path, {"recipe": dict, "input_shape": list, "classes": int})
    sizes = [*values["input_shape"], values["classes"]]
    if not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(f"{str(path)!r} must have positive ints as input_shape and classes. Received: {sizes}")
    try:
        recipe = Recipe.from_dict(values["recipe"])
    except ValueError as error:
        raise ValueError(f"{str(path)!r} has no recipe that can be used: {error}") from error
    environment = {key: value for key, value in values.items() if key not in ("recipe", "input_shape", "classes")}
    return RunConfig(recipe, {"input_shape": tuple(values["input_shape"]), "classes": values["classes"]}, environment)
