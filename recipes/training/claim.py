"""Place in a paper that a training may be compared with."""

from typing import Any

from zoo.recipes.training.recipe import Recipe, find, names

# Flips of the evaluation and the seed decide no setting, epochs are told by themselves, IteRand's table has all widths.
_FREE = ("samples", "seed", "epochs", "options.width")


def claim(recipe: Recipe) -> str:
    """Return the sentence on the paper's table that a recipe was made for; settings that were changed are named."""
    if not recipe.paper:
        return "Our own setting; no table of a paper is claimed."
    changed = _changed(recipe) if recipe.name in names() else []
    if not changed:
        return recipe.paper
    return f"Not the setting of {recipe.paper}, no table is claimed: {', '.join(changed)}."


def _changed(recipe: Recipe) -> list[str]:
    now, before = (_flat(one.to_dict()) for one in (recipe, find(recipe.name)))
    keys = [key for key in now | before if key not in _FREE and now.get(key) != before.get(key)]
    return [f"{key}={now.get(key)!r} in place of {before.get(key)!r}" for key in keys]


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    options = {f"options.{key}": value for key, value in values.pop("options").items()}
    return values | options
