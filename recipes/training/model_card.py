"""Model cards: a page beside each file of weights, made of its manifest row alone.

`python -m zoo.recipes.training.model_card` writes all of them anew.
"""

import inspect
import json
from pathlib import Path
from typing import Any

import keras

import zoo
from zoo.files import write_bytes
from zoo.recipes.reporting.votes import coins_sentence, vote_table
from zoo.recipes.training.card_picture import draw_card_picture
from zoo.registry import find
from zoo.weights import pretrained

_UNKNOWN = "unknown; look where you got the data from."
_LICENCES = {
    "digits": "scikit-learn ships them, under BSD-3-Clause; they are the test set of Optical Recognition of "
    "Handwritten Digits of the UCI repository, whose terms are not in the copy.",
    "cifar10": "none is stated by the authors of CIFAR-10 (Krizhevsky, 2009); the weights do not hold the images.",
}
_TITLES = {"digits": "scikit-learn's digits", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "mnist": "MNIST"}


def write_card(row: dict[str, Any], model: keras.Model, folder: Path) -> None:
    """Write `README.md` and `picture.png` beside a row's weights.

    Args:
        row: Row of the manifest, with `measured`, `recipe`, `claim`, `planned_epochs`, `notes` and `evaluation`.
        model: The model with these weights.
        folder: The folder of the manifest.
    """
    place = (folder / row["file"]).parent
    shows = draw_card_picture(row, model, place / "picture.png")
    write_bytes(place / "README.md", card(row, shows).encode())


def card(row: dict[str, Any], shows: str) -> str:
    """Return the card of a row in Markdown, with the head that model hubs read; `shows` is what its picture shows."""
    about = inspect.cleandoc(find(row["model"]).builder.__doc__ or row["model"]).split("\n\n")[0]
    return f"""{_head(row)}
# {row["model"]}, weights `{row["weights"]}`

{about}

![{shows}](picture.png)

{row["parameters"]:,} parameters. `zoo.build("{row["model"]}", weights="{row["weights"]}")`.{_saved_model(row)}

## For what

{_purpose(row)}

## Limits

{_limits(row)}

## Training

On the training split of {row["data"]} with `{row["command"]}`, seed {row["seed"]},
on {row["machine"]} ({_versions(row)}).{_cost(row)}
{_lines([row["claim"], _short(row), *row["notes"]])}

## Test accuracy of the last epoch

{vote_table(row["measured"], "github")}

{coins_sentence(row["measured"]) or row.get("flips") or _no_flips(row)}

{row["evaluation"]}; 95 % Wilson intervals over the test examples.
One training run: the spread over seeds was not measured.

## Licences

Weights: Apache-2.0, as the library. Data: {_LICENCES.get(row["data"], _UNKNOWN)}

## Settings

{_lines([f"- {key}: `{json.dumps(value)}`" for key, value in row["recipe"].items()])}
"""


def _saved_model(row: dict[str, Any]) -> str:
    if "saved_model" not in row:
        return ""
    return "\n`saved_model` beside this page needs TensorFlow alone: `tf.saved_model.load` and its endpoint `vote`."


def _head(row: dict[str, Any]) -> str:
    """Return the card's head in YAML, whose scalars are those of JSON."""
    score = row["score"]
    lines = ["license: apache-2.0", "library_name: keras", "pipeline_tag: image-classification", "tags:"]
    lines += [f"- {json.dumps(tag)}" for tag in ("coinflip-zoo", row["model"], find(row["model"]).paper)]
    lines += ["datasets:", f"- {json.dumps(row['data'])}", "metrics:", "- accuracy", "model-index:"]
    lines += [f"- name: {json.dumps(row['model'] + '-' + row['weights'])}", "  results:", "  - task:"]
    lines += ["      type: image-classification", "    dataset:"]
    lines += [f"      name: {json.dumps(_title(row))}", f"      type: {json.dumps(row['data'])}"]
    lines += [f"      split: {json.dumps(score['split'])}", "    metrics:", "    - type: accuracy"]
    lines += [f"      value: {round(score['accuracy'], 4)}", f"      name: {json.dumps(_measure(score))}"]
    return "\n".join(["---", *lines, "---"])


def _title(row: dict[str, Any]) -> str:
    return _TITLES.get(row["data"], str(row["data"]))


def _measure(score: dict[str, Any]) -> str:
    return "Accuracy" if score["vote"] == "none" else f"Accuracy of the {score['vote']} of {score['samples']} flips"


def _purpose(row: dict[str, Any]) -> str:
    found = find(row["model"])
    height, width, channels = row["options"]["input_shape"]
    classes = row["options"]["classes"]
    return (
        f'Experiments with the methods of "{found.paper}" ({found.section}), and a start for training on other '
        f"small images. It takes pixels in [0, 255], `(batch, {height}, {width}, {channels})`, and tells the {classes} "
        f"classes of {_title(row)} apart."
    )


def _limits(row: dict[str, Any]) -> str:
    certainty = "A large probability" if row["score"]["vote"] == "none" else "Agreement of the flips"
    lines = [
        f"- It knows the classes of {_title(row)} and gives one of them to every image, whatever it shows.",
        "- This card has no measurement on shifted, damaged or adversarial images, nor by groups of what is shown.",
        f"- {certainty} is the network's certainty, not a proof: certain answers may be wrong.",
        "- It is for no decision about people.",
    ]
    return "\n".join(lines)


def _versions(row: dict[str, Any]) -> str:
    return ", ".join(f"{package} {version}" for package, version in row["versions"].items())


def _cost(row: dict[str, Any]) -> str:
    if "cost" not in row:
        return ""
    hours, core_hours = (_hours(row["cost"][key]) for key in ("seconds", "core_seconds"))
    return f"\nIt took {hours} hours and {core_hours} core hours, the time of processors."


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2g}" if seconds < 36000 else f"{seconds / 3600:.0f}"


def _short(row: dict[str, Any]) -> str:
    epochs, planned = row["recipe"]["epochs"], row["planned_epochs"]
    return f"Short training: {epochs} of the recipe's {planned} epochs." if epochs < planned else ""


def _no_flips(row: dict[str, Any]) -> str:
    if row["score"]["vote"] == "none":
        return "It flips no coins."
    return "On how many images the flips disagree is unknown: it was not written down."


def _lines(lines: list[str]) -> str:
    return "\n".join(line for line in lines if line)


def main() -> None:
    """Write all cards of the manifest."""
    for row in pretrained.manifest():
        write_card(row, zoo.build(row["model"], weights=row["weights"]), pretrained.folder())


if __name__ == "__main__":
    main()
