"""The weights of an earlier training as the start of another, perhaps with another number of flips."""

from pathlib import Path

import keras

import zoo
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.trained import load_trained


def start_from(model: keras.Model, recipe: Recipe, weights: str) -> None:
    """Give `model` the weights of an earlier training: all but the coins' random state.

    Args:
        model: The recipe's model.
        recipe: The recipe of the training to come.
        weights: The folder of a run, the name of published weights of the model, or a path to a `.weights.h5` file.

    Raises:
        FileNotFoundError: If `weights` is a path and there is no such file.
        ValueError: If the weights do not exist or are those of another architecture.
    """
    source = _source(model, recipe, weights)
    shapes = [[tuple(weight.shape) for weight in one.weights] for one in (source, model)]
    if shapes[0] != shapes[1]:
        different = next((i for i, (a, b) in enumerate(zip(*shapes, strict=False)) if a != b), min(map(len, shapes)))
        raise ValueError(
            f"`start_from` must be weights of the same architecture as {recipe.model!r}. Received: "
            f"start_from={weights!r} with {len(shapes[0])} weights, not {len(shapes[1])}, or another shape "
            f"of weight {different}"
        )
    model.set_weights(source.get_weights())


def _source(model: keras.Model, recipe: Recipe, weights: str) -> keras.Model:
    if (Path(weights) / "config.json").is_file():
        return load_trained(weights).model
    known = [name for model_name, name in zoo.list_weights() if model_name == recipe.model]
    if weights not in known and not weights.endswith(".weights.h5"):
        raise ValueError(
            f"`start_from` must be the folder of a run, published weights of {recipe.model!r} "
            f"({', '.join(map(repr, known)) or 'none'}) or a path to a .weights.h5 file. "
            f"Received: start_from={weights!r}"
        )
    options = {"input_shape": model.input_shape[1:], "classes": model.output_shape[-1], **recipe.options}
    return zoo.build(recipe.model, weights=weights, **options)
