"""A trained model by name and weights, or from the folder of a run."""

from pathlib import Path
from typing import Any, NamedTuple

import keras

import zoo
from zoo.recipes.training.run_config import NAME, read_config
from zoo.recipes.training.state import changed_product


class Trained(NamedTuple):
    """A built model, the data it was trained on, the recipe's name, and the name or the path of its weights.

    `loading` has the arguments of `zoo.data.load` that the images were read with, None its own. `class_names` are those
    of a run or of published weights, where their data had names; the model may have more classes. `examples` are the
    numbers of examples of a run's splits, where they are known.
    """

    model: keras.Model
    data: str
    recipe: str
    weights: str
    loading: dict[str, Any] | None = None
    class_names: tuple[str, ...] | None = None
    examples: dict[str, int] | None = None


def load_trained(name: str, weights: str | None = None, seed: int | None = None) -> Trained:
    """Build a model with its weights.

    Args:
        name: Name of a model, or the folder of a run (its last weights, unless `weights` says otherwise).
        weights: What `zoo.build` takes as `weights`; None is a model's only weights, its own or a twin's.
        seed: Seed of the coins.

    Raises:
        ValueError: If the name is unknown, files of the run are damaged, or a model has several
            pretrained weights or none and none is named.
        FileNotFoundError: If a file of the run is missing.
    """
    if (Path(name) / NAME).is_file():
        return _of_run(Path(name), weights, seed)
    if name not in zoo.list_models() and (Path(name).is_dir() or len(Path(name).parts) > 1):
        raise ValueError(
            "`name` must be a model's name or the folder of a run; there is no config.json in this one. "
            f"Received: name={name!r}"
        )
    zoo.registry.find(name)
    pairs = zoo.list_weights()
    known = [weights for model, weights in pairs if model == name]
    known = known or [weights for model, weights in pairs if model in zoo.registry.twins(name)]
    if weights is None and len(known) != 1:
        names = ", ".join(map(repr, known)) or "none"
        raise ValueError(
            f"`weights` must be one of those published for {name!r} ({names}) or a path to a .weights.h5 or .supermask "
            "file or a preset's folder. Received: weights=None"
        )
    chosen = known[0] if weights is None else weights
    row = zoo.registry.find_weights(name, chosen).row
    data = (row or {}).get("data", "digits")
    model = zoo.build(name, weights=chosen, seed=seed)
    return Trained(model, data, "", chosen, class_names=_names((row or {}).get("class_names")))


def _of_run(folder: Path, weights: str | None, seed: int | None) -> Trained:
    recipe, sizes, environment = read_config(folder)
    path = weights or str(folder / "last.weights.h5")
    if changed_product(Path(path)):
        raise ValueError(f"{path!r} is damaged, or not the file that the run wrote; `zoo train --resume` may mend it")
    model = zoo.build(recipe.model, weights=path, seed=seed, **{**sizes, **recipe.options})
    names, examples = _names(environment.get("class_names")), environment.get("examples")
    return Trained(model, recipe.data, recipe.name, path, recipe.loading(), names, examples)


def _names(names: list[str] | None) -> tuple[str, ...] | None:
    return tuple(names) if names else None
