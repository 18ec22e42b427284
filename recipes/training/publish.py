"""Publish the weights of a finished run: weights file, model card, manifest row.

python -m zoo.recipes.training.publish RUN_FOLDER NAME [NOTE]
"""

import json
import sys
from pathlib import Path
from typing import Any

import zoo
from zoo.files import write_bytes, write_json
from zoo.layers.score_masked import masked_layers
from zoo.recipes.reporting.votes import coins_sentence, vote_table
from zoo.recipes.training.claim import claim
from zoo.recipes.training.recipe import Recipe, find, names
from zoo.recipes.training.run_config import read_config
from zoo.recipes.training.state import finished_rows
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
    card = _card(recipe, row, results, note, environment.get("continued", []))
    write_bytes((folder / target).with_name("README.md"), card.encode())
    others = [old for old in pretrained.manifest() if (old["model"], old["weights"]) != (recipe.model, name)]
    write_json(folder / "manifest.json", sorted([*others, row], key=lambda one: (one["model"], one["weights"])))
    return row


def _continued(continued: list[dict[str, Any]]) -> str:
    """Return a line for every time that a run was given more epochs."""
    return "".join(
        f"Planned for {one['epochs']} epochs, from epoch {one['from_epoch']} on continued by the schedule of more.\n"
        for one in continued
    )


def _card(
    recipe: Recipe, row: dict[str, Any], results: list[dict[str, Any]], note: str, continued: list[dict[str, Any]]
) -> str:
    note = f"{note}\n" if note else ""
    versions = ", ".join(f"{package} {version}" for package, version in row["versions"].items())
    planned = find(recipe.name).epochs if recipe.name in names() else recipe.epochs
    short = f"Short training: {recipe.epochs} of the recipe's {planned} epochs.\n" if recipe.epochs < planned else ""
    settings = "\n".join(f"- {key}: `{json.dumps(value)}`" for key, value in recipe.to_dict().items())
    return f"""# {row["model"]}, weights `{row["weights"]}`

{row["parameters"]:,} parameters. `zoo.build("{row["model"]}", weights="{row["weights"]}")`.

Trained on the training split of {row["data"]} with `{row["command"]}`, seed {row["seed"]},
on {row["machine"]} ({versions}).
{claim(recipe)}
{short}{_continued(continued)}{note}
## Test accuracy of the last epoch

{vote_table(results, "github")}

{coins_sentence(results)}

Evaluated by `{results[0]["command"]}` on {results[0]["machine"]} ({results[0]["backend"]});
95 % Wilson intervals over the test examples. One training run: the spread over seeds was not measured.

## Settings

{settings}
"""


if __name__ == "__main__":
    print(pretrained.describe(publish(Path(sys.argv[1]), sys.argv[2], pretrained.folder(), *sys.argv[3:])))
