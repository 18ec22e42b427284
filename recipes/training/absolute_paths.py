"""A recipe whose paths mean the same from any folder."""

import dataclasses
import os
from pathlib import Path

from zoo.data.datasets import NAMES
from zoo.recipes.training.recipe import Recipe


def with_absolute_paths(recipe: Recipe) -> Recipe:
    """Return a recipe whose `data`, `start_from` and `frozen_from` are absolute where they are files or folders."""
    paths = {"data": recipe.data, "start_from": recipe.start_from, "frozen_from": recipe.frozen_from}
    found = {key: absolute(text) for key, text in paths.items() if text}
    return dataclasses.replace(recipe, **found)


def absolute(text: str) -> str:
    """Return the absolute path of what is there, or the text itself if nothing is, or it names a data set."""
    path = Path(text).expanduser()
    return os.path.abspath(path) if text not in NAMES and path.exists() else text
