"""More epochs for a run than it was begun with."""

import sys

import keras

from zoo.files import read_json
from zoo.recipes.reporting.command import command
from zoo.recipes.reporting.folders import Folder
from zoo.recipes.reporting.results import add_results
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.run_config import NAME
from zoo.recipes.training.state import State


def lengthen(folder: Folder, recipe: Recipe, state: State) -> bool:
    """Enter in a run's `config.json` that it has more epochs than before, and where it went on.

    The results of the shorter training are no longer those of the run.

    Args:
        folder: Folder of the run, claimed.
        recipe: The recipe with as many epochs as the run shall have.
        state: The state that it goes on from.

    Returns:
        Whether there are more epochs.

    Raises:
        ValueError: If there are fewer.
    """
    config = read_json(folder.path / NAME, {"recipe": dict})
    before = config["recipe"]["epochs"]
    if recipe.epochs < before:
        raise ValueError(
            f"The run in {str(folder.path)!r} has epochs={before} and can only go on to more. "
            f"Received: epochs={recipe.epochs}"
        )
    if recipe.epochs == before:
        return False
    add_results(folder.path / "results.jsonl", [], instead_of=state.get("results", []))
    went_on = {"epochs": before, "from_epoch": state["epoch"], "command": command()}
    continued = [*config.get("continued", []), went_on]
    folder.write_json(NAME, {**config, "recipe": recipe.to_dict(), "continued": continued})
    return True


def say_longer(model: keras.Model, recipe: Recipe, state: State) -> None:
    """Print how the training goes on; its model is that of the state."""
    rate = f"{float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)):.3g}"
    how = f"the learning rate stays {rate}"
    if recipe.schedule != "constant":
        how = f"the schedule {recipe.schedule!r} is that of {recipe.epochs} epochs from here on, the next rate {rate}"
    print(f"Going on from epoch {state['epoch']} to {recipe.epochs}: {how}", file=sys.stderr, flush=True)
