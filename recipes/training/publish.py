"""Publish the weights of a finished run: weights file, SavedModel, model card, manifest row.

python -m zoo.recipes.training.publish RUN_FOLDER NAME [NOTE]
"""

import sys
from pathlib import Path
from typing import Any

import zoo
from zoo.layers.score_masked import masked_layers
from zoo.recipes.training.claim import claim
from zoo.recipes.training.model_card import write_card
from zoo.recipes.training.recipe import find, names
from zoo.recipes.training.run_config import read_config
from zoo.recipes.training.shipped_saved_model import with_saved_model
from zoo.recipes.training.state import NAME, finished_rows, read_state
from zoo.recipes.training.trained import load_trained
from zoo.weights import pretrained


def publish(run: Path, name: str, folder: Path, note: str = "") -> dict[str, Any]:
    """Copy a finished run's last weights into `folder` with a card and a manifest row.

    Args:
        run: Folder of a finished run.
        name: Name of the weights, as in `build(..., weights=name)`.
        folder: The folder of the manifest, `saved_models`.
        note: What the card must say besides, e.g. that the run was moved to another machine half-way.

    Returns:
        The manifest row.

    Raises:
        FileNotFoundError: If the run is not finished.
    """
    recipe, sizes, environment = read_config(run)
    results = finished_rows(run, recipe.epochs)
    if results is None:
        raise FileNotFoundError(f"`run` must be a finished run. Received: run={str(run)!r}, whose state has no results")
    model = load_trained(str(run), seed=recipe.seed).model
    target = f"{recipe.model}-{name}/model" + (".supermask" if masked_layers(model) else ".weights.h5")
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    (zoo.save_supermask if masked_layers(model) else zoo.save_weights)(model, folder / target)
    options = {"input_shape": list(sizes["input_shape"]), "classes": sizes["classes"], **recipe.options}
    score = max((row for row in results if row["vote"] in ("majority", "none")), key=lambda row: row["samples"])
    measured = ("accuracy", "low", "high", "correct", "n", "split", "vote", "samples", "disagreement", "winning_share")
    row = {
        "model": recipe.model,
        "weights": name,
        "file": target,
        "sha256": pretrained.sha256(folder / target),
        "parameters": model.count_params(),
        "data": recipe.data,
        "options": {key: value for key, value in options.items() if key not in pretrained.FREE},
        "defaults": {key: value for key, value in options.items() if key in pretrained.FREE},
        "score": {key: score[key] for key in measured if key in score},
        "seed": recipe.seed,
        "command": environment["command"],
        "machine": environment["machine"],
        "versions": environment["versions"],
        "reference": pretrained.reference_output(model).round(6).tolist(),
    }
    row |= {
        "measured": [{key: one[key] for key in measured if key in one} for one in results],
        "recipe": recipe.to_dict(),
        "claim": claim(recipe),
        "planned_epochs": find(recipe.name).epochs if recipe.name in names() else recipe.epochs,
        "notes": [*_continued(environment.get("continued", [])), *([note] if note else [])],
        "evaluation": f"Evaluated by `{results[0]['command']}` on {results[0]['machine']} ({results[0]['backend']})",
    }
    row |= {key: environment[key] for key in ("class_names",) if key in environment}
    row |= {key: value for key, value in read_state(run / NAME).items() if key == "cost"}
    row = with_saved_model(row, model, folder)
    write_card(row, model, folder)
    others = [old for old in pretrained.manifest() if (old["model"], old["weights"]) != (recipe.model, name)]
    pretrained.write_manifest([*others, row], folder)
    return row


def _continued(continued: list[dict[str, Any]]) -> list[str]:
    """Return a line for every time that a run was given more epochs."""
    return [
        f"Planned for {one['epochs']} epochs, from epoch {one['from_epoch']} on continued by the schedule of more."
        for one in continued
    ]


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(f"{__doc__}\nReceived: {' '.join(sys.argv[1:]) or 'no arguments'}")
    print(pretrained.describe(publish(Path(sys.argv[1]), sys.argv[2], pretrained.folder(), *sys.argv[3:])))
