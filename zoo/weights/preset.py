"""Presets: a model's options and weights in one folder, which a hub may keep."""

import json
import os
import re
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from zoo.files import atomic, json_bytes, read_json, sha256, weights_bytes
from zoo.graph import check_model, describe
from zoo.weights.pretrained import FREE, ROW, Weights, reference_output
from zoo.weights.structure import check_structure

CONFIG, _FILE, _CARD = "preset.json", "model.weights.h5", "README.md"
_KEYS = ("model", "weights", "file", "sha256", "parameters", "options", "defaults", "reference")
_HUB = re.compile(r"hf://([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?")
# Name and options of models that the registry built; they must not keep the models alive.
_BUILT: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def remember(model: keras.Model, name: str, options: Mapping[str, Any]) -> None:
    """Note how a model was built, for `save_preset`."""
    _BUILT[model] = name, dict(options)


def save_preset(
    model: keras.Model, folder: str | os.PathLike, *, results: Sequence[Mapping[str, Any]] = (), license: str = ""
) -> None:
    """Write a folder that `zoo.build(name, weights=folder)` reads, and that can be uploaded to a hub as it is.

    It holds `preset.json` (options, SHA-256 of the weights, outputs to check them by), `model.weights.h5` and a
    `README.md` whose head hubs read.

    Args:
        model: A model that `zoo.build` returned, trained or not.
        folder: Folder to write, whole or not at all; it must not exist.
        results: Lines of results for the card, as `zoo evaluate` gives them: `data`, `split`, `vote`, `samples`,
            `accuracy` and `n` are shown.
        license: Identifier of the weights' license, such as "apache-2.0"; "" leaves it out.

    Raises:
        FileExistsError: If `folder` exists.
        OSError: If it cannot be written.
        ValueError: If the model is not one of `zoo.build`, or was built with options that JSON does not hold.

    Example:
        >>> model = zoo.build("stochastic_mlp", hidden=(4,), seed=0)
        >>> zoo.save_preset(model, "mine")
        >>> again = zoo.build("stochastic_mlp", weights="mine")
        >>> all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights()))
        True
    """
    check_model(model)
    folder = Path(folder)
    if model not in _BUILT:
        raise ValueError(f"`model` must be one that zoo.build returned, with its head. Received: {describe(model)}")
    if os.path.lexists(folder):
        raise FileExistsError(f"`folder` exists already. Received: folder={str(folder)!r}")
    name, options = _BUILT[model]
    try:
        options = json.loads(json.dumps(options))
    except TypeError as error:
        raise ValueError(f"`model` must be built with options that JSON holds: {error}") from None
    with atomic(folder) as part:
        part.mkdir()
        (part / _FILE).write_bytes(weights_bytes(model))
        config = {
            "model": name,
            "weights": folder.name,
            "file": _FILE,
            "sha256": sha256(part / _FILE),
            "parameters": model.count_params(),
            "options": {key: value for key, value in options.items() if key not in FREE},
            "defaults": {key: value for key, value in options.items() if key in FREE},
            "reference": reference_output(model).astype(float).round(6).tolist(),
        }
        (part / CONFIG).write_bytes(json_bytes(config))
        (part / _CARD).write_text(_card(config, results, license), encoding="utf-8")


def find_preset(weights: Any) -> Weights | None:
    """Return the weights of a preset's folder, or of `hf://user/repo` on a hub; None if it is neither.

    Raises:
        ValueError: If its `preset.json` is damaged, or the hub does not have it.
        ModuleNotFoundError: If it is on a hub and huggingface-hub is not installed.
    """
    if not isinstance(weights, str | os.PathLike) or weights == "":
        return None
    if str(weights).startswith("hf://"):
        config = _from_hub(str(weights), CONFIG)
    else:
        config = Path(weights) / CONFIG
        if not config.is_file():
            return None
    row = read_json(config)
    try:
        check_structure({key: row[key] for key in _KEYS if key in row}, {key: ROW[key] for key in _KEYS}, "preset")
        if row["file"] != _FILE:
            raise ValueError(f"its weights must be {_FILE}, not {row['file']!r}")
    except ValueError as error:
        raise ValueError(f"{str(config)!r} is no preset: {error}") from error
    file = _from_hub(str(weights), _FILE) if str(weights).startswith("hf://") else config.with_name(_FILE)
    return Weights(file, {**row, "weights": str(weights)})


def _from_hub(address: str, file: str) -> Path:
    found = _HUB.fullmatch(address)
    if found is None:
        raise ValueError(f"`weights` on a hub must be hf://user/repo or hf://user/repo@revision. Received: {address!r}")
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ModuleNotFoundError as error:
        message = "`weights` on a hub need huggingface-hub: pip install 'coinflip-zoo[hub]'"
        raise ModuleNotFoundError(message, name=error.name) from error
    repository, revision = found.groups()
    try:
        return Path(hf_hub_download(repository, file, revision=revision, endpoint=os.environ.get("HF_ENDPOINT")))
    except (HfHubHTTPError, LocalEntryNotFoundError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"`weights` must be a preset that the hub has; {file}: {reason} Received: {address!r}"
        ) from error


def _card(config: dict[str, Any], results: Sequence[Mapping[str, Any]], license: str) -> str:
    """Model card: a YAML head, of which JSON is a part, and how to load the preset."""
    measured = [
        {
            "task": {"type": "image-classification"},
            "dataset": {"name": row["data"], "type": row["data"], "split": row.get("split", "test")},
            "metrics": [{"type": "accuracy", "value": row["accuracy"], "name": _vote(row)}],
        }
        for row in results
    ]
    head = {"library_name": "keras", "tags": ["coinflip-zoo", "keras", config["model"]]}
    head |= {"license": license} if license else {}
    head |= {"model-index": [{"name": config["model"], "results": measured}]} if measured else {}
    lines = "\n".join(f"{key}: {json.dumps(value)}" for key, value in head.items())
    rows = [f"| {row['data']} | {_vote(row)} | {row['accuracy']:.4f} | {row.get('n', '')} |\n" for row in results]
    table = "".join(["\n| data | vote | accuracy | examples |\n|---|---|---|---|\n", *rows]) if rows else ""
    options = "\n".join(
        f"- {key}: `{json.dumps(one)}`" for key, one in {**config["options"], **config["defaults"]}.items()
    )
    return f"""---
{lines}
---
# {config["model"]}

{config["parameters"]:,} parameters. `zoo.build("{config["model"]}", weights="hf://USER/REPOSITORY")`, of the package
coinflip-zoo; SHA-256 of the weights `{config["sha256"]}`.
{table}
## Options

{options}
"""


def _vote(row: Mapping[str, Any]) -> str:
    vote = row.get("vote", "none")
    return "one flip or none" if vote == "none" else f"{vote} of {row.get('samples', 1)}"
