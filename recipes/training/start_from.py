"""The weights of an earlier training as the start of another, perhaps with other classes or another number of flips."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from zoo import registry
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.run_config import NAME, read_config
from zoo.recipes.training.trained import load_trained
from zoo.weights.pretrained import FREE, Weights
from zoo.weights.transfer import give_weights, how_classes_differ, take_weights


def with_options_of_start(recipe: Recipe, sizes: dict[str, Any]) -> Recipe:
    """Return a recipe with the options that the weights it starts from were trained with, where it has none of its own.

    Those that leave the weights as they are, such as `rate` and `samples`, are not taken over.

    Args:
        recipe: The recipe of the training to come.
        sizes: Input shape and classes of its data.

    Raises:
        FileNotFoundError: If `start_from` is a path and there is no such file.
        ValueError: If there are no such weights, or the recipe's options contradict them.
    """
    if recipe.start_from is None:
        return recipe
    options = _source(recipe).merge({**sizes, **recipe.options}, registry.find(recipe.model).options)
    own = {key: value for key, value in options.items() if key not in sizes or key in recipe.options}
    return dataclasses.replace(recipe, options=own)


def start_from(model: keras.Model, recipe: Recipe, options: dict[str, Any], class_names: Sequence[str]) -> None:
    """Give a model the weights that its recipe starts from: all of them, or all but the head, which a warning says.

    The head is not taken where its classes are others: of another number, or of other names or in another order.

    The coins' random state is not among them.

    Args:
        model: The recipe's model.
        recipe: The recipe of the training to come. Its `start_from` is the folder of a run, or what `zoo.build` takes
            as `weights`.
        options: The options that `model` was built with.
        class_names: Names of the data's classes; of classes that are numbers only, these.

    Raises:
        FileNotFoundError: If `start_from` is a path and there is no such file.
        ValueError: If the weights do not exist, are damaged, or do not fit below the head.
    """
    source = _source(recipe)
    if _is_run(recipe.start_from):
        differ = how_classes_differ(source, class_names)
        take_weights(model, load_trained(str(recipe.start_from)).model, str(source), differ=differ)
    else:

        def builder_of(name: str) -> Callable[..., keras.Model]:
            return registry.find(name).builder

        give_weights(model, source, recipe.model, builder_of, options, class_names=class_names)


def _source(recipe: Recipe) -> Weights:
    """Return the weights and the options that they need."""
    weights = str(recipe.start_from)
    if _is_run(weights):
        of_run, sizes, environment = read_config(Path(weights))
        options = {key: value for key, value in {**sizes, **of_run.options}.items() if key not in FREE}
        row = {"weights": weights, "model": of_run.model, "options": options, "defaults": {}}
        row |= {key: environment[key] for key in ("class_names",) if key in environment}
        return Weights(Path(weights) / "last.weights.h5", row)
    try:
        source = registry.find_weights(recipe.model, weights)
    except ValueError as error:
        raise ValueError(
            f"`start_from` must be the folder of a run, or what zoo.build takes: {error}, start_from={weights!r}"
        ) from error
    return source if source.row is None else Weights(source.path, {**source.row, "defaults": {}})


def _is_run(weights: str | None) -> bool:
    return weights is not None and (Path(weights) / NAME).is_file()
