"""The recipe of a model that is trained by its own name."""

import dataclasses

from zoo import registry
from zoo.recipes.training.recipe import Recipe, find, names

_DATA = ("digits", "cifar10", "imagenet2012")  # whose recipes are taken as a model, in this order
_OF_THE_DATA = ("mean", "variance")


def default_recipe(model: str, from_weights: bool = False) -> Recipe:
    """Return how a model is trained where nobody says how.

    It is the registered recipe of the model, on digits rather than CIFAR-10 or ImageNet: optimizer, schedule, learning
    rate, warm-up, weight decay and redraws of pruned weights. What belongs to that recipe's data is not taken: it
    trains for 30 epochs in batches of 64 on digits, with random crops, and claims no table of a paper. A model without
    a recipe has the defaults of `Recipe`.

    Args:
        model: Name of a model of images.
        from_weights: Whether it begins with trained weights: a tenth of the learning rate, which does not undo them.

    Raises:
        ValueError: If the name is unknown, or not that of a model of images.
    """
    own = registry.find(model).options
    found = [recipe for recipe in map(find, names()) if recipe.model == model and recipe.data in _DATA]
    best = min(found, key=lambda recipe: _rank(recipe, own), default=Recipe(model, model))
    options = {key: value for key, value in best.options.items() if key not in _OF_THE_DATA}
    common = {"name": model, "data": "digits", "paper": "", "options": options, "augment": "crop", "batch_size": 64}
    rate = best.learning_rate / 10 if from_weights else best.learning_rate
    return dataclasses.replace(best, **common, learning_rate=rate, epochs=30, final_epochs=0, validation=None)


def _rank(recipe: Recipe, own: dict) -> tuple:
    """Sort by data, and recipes with options that are the builder's own first."""
    others = sum(value != own[key] for key, value in recipe.options.items() if isinstance(value, str))
    return _DATA.index(recipe.data), others, recipe.name
