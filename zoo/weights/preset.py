"""Presets: a model's options and weights in one folder, which a hub may keep."""

import json
import os
import re
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.data.datasets import NAMES
from zoo.files import atomic, json_bytes, read_json, sha256
from zoo.graph import check_model, check_one_input, describe, uncompiled, without_memory
from zoo.layers.arguments import check_known
from zoo.weights.preset_card import preset_card
from zoo.weights.pretrained import FREE, ROW, Weights, reference_output
from zoo.weights.structure import Where, check_structure
from zoo.weights.weights_bytes import weights_bytes

CONFIG, _FILE, _CARD = "preset.json", "model.weights.h5", "README.md"
_KEYS = ("model", "weights", "file", "sha256", "parameters", "options", "defaults", "reference")
_SIZES = {
    "input_shape": Where("ints >= 1", lambda shape: isinstance(shape, list) and all(map(_is_size, shape))),
    "classes": Where("an int >= 1", lambda classes: _is_size(classes)),
}  # options that are read before the builder checks them
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
            `accuracy` and `n` are shown, of data in files the name without its folders. If all are of one `data`, a
            name that `zoo.data.load` knows, `zoo evaluate` takes them by default.
        license: Identifier of the weights' license, such as "apache-2.0"; "" leaves it out.

    Raises:
        FileExistsError: If `folder` exists.
        OSError: If it cannot be written.
        ValueError: If the model is not one of `zoo.build`, has several inputs, or has weights or outputs that are not
            finite, or was built with options that JSON does not hold.

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
    _check_free(folder)
    name, options = _BUILT[model]
    try:
        options = json.loads(json.dumps(options))
    except TypeError as error:
        raise ValueError(f"`model` must be built with options that JSON holds: {error}") from None
    check_one_input(model)
    for weight in model.weights:
        _check_finite(model, weight.path, keras.ops.convert_to_numpy(weight))
    reference = reference_output(model).astype(float)
    _check_finite(model, "its outputs", reference)
    results = [{**row, "data": _public(row["data"])} for row in results]
    data = {row["data"] for row in results}
    with atomic(folder, lambda: _check_free(folder)) as part:
        part.mkdir()
        (part / _FILE).write_bytes(weights_bytes(uncompiled(model)))  # no optimizer's state
        config = {
            "model": name,
            "weights": folder.name,
            "file": _FILE,
            "sha256": sha256(part / _FILE),
            "parameters": model.count_params(),
            "options": {key: value for key, value in options.items() if key not in FREE},
            "defaults": {key: value for key, value in options.items() if key in FREE},
            "reference": reference.round(6).tolist(),
        }
        config |= {"data": data.pop()} if len(data) == 1 and data <= set(NAMES) else {}
        (part / CONFIG).write_bytes(json_bytes(config))
        (part / _CARD).write_text(preset_card(config, results, license), encoding="utf-8")


def _public(data: str) -> str:
    """Name of data without the folders of who has them."""
    return data if data in NAMES else Path(data).name


def _check_free(folder: Path) -> None:
    if os.path.lexists(folder):
        raise FileExistsError(f"`folder` exists already. Received: folder={str(folder)!r}")


def _check_finite(model: keras.Model, what: str, values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ValueError(
            f"`model` must have finite weights and outputs. Received: {describe(model)}, infinities or NaN in {what}"
        )


def find_preset(
    weights: Any, options_of: Callable[[str], Collection[str]], builder_of: Callable[[str], Callable[..., keras.Model]]
) -> Weights | None:
    """Return the weights of a preset's folder, or of `hf://user/repo` on a hub; None if it is neither.

    Args:
        weights: What may be a preset.
        options_of: Function of a model's name that returns the names of its options, and refuses an unknown model.
        builder_of: Function of a model's name that returns its builder.

    Raises:
        ValueError: If its `preset.json` is damaged, its weights are others, or the hub does not have it.
        FileNotFoundError: If it has no weights.
        ModuleNotFoundError: If it is on a hub and huggingface-hub is not installed.
    """
    if not isinstance(weights, str | os.PathLike) or weights == "":
        return None
    on_hub = str(weights).startswith("hf://")
    config = _from_hub(str(weights), CONFIG) if on_hub else Path(weights) / CONFIG
    if not config.is_file():
        return None
    row = read_json(config)
    try:
        _check(row, options_of)
    except ValueError as error:
        raise ValueError(f"{str(config)!r} is no preset: {error}") from error
    # A hub keeps a folder per commit: what is pushed between the two requests is none of this preset.
    file = _from_hub(str(weights), _FILE, config.parent.name) if on_hub else config.with_name(_FILE)
    if not file.is_file():
        raise FileNotFoundError(f"`weights` must be a preset with a file {_FILE}. Received: weights={str(weights)!r}")
    if sha256(file) != row["sha256"]:
        raise ValueError(
            f"{str(file)!r} is not what {CONFIG} beside it describes (its sha256 differs): save or download the preset "
            "again"
        )
    with without_memory():  # options of a stranger may ask for any amount
        count = builder_of(row["model"])(seed=0, **row["defaults"], **row["options"]).count_params()
    if count != row["parameters"] or count > file.stat().st_size:
        raise ValueError(
            f"{str(config)!r} is no preset: its options make a model of {count:,} parameters, and it should have "
            f"{row['parameters']:,} in {file.stat().st_size:,} bytes"
        )
    return Weights(file, {**row, "weights": str(weights)})


def _check(row: dict[str, Any], options_of: Callable[[str], Collection[str]]) -> None:
    """Check all of a `preset.json` that is read before a builder checks its own options."""
    check_structure({key: row[key] for key in _KEYS if key in row}, {key: ROW[key] for key in _KEYS}, "preset")
    check_structure(row.get("data", ""), str, "preset.data")
    if row["file"] != _FILE:
        raise ValueError(f"its weights must be {_FILE}, not {row['file']!r}")
    if len(row["reference"]) != 2 or len({len(one) for one in row["reference"]}) != 1:
        raise ValueError("`preset.reference` must be two lists of the same length")
    known = options_of(row["model"])
    for part in ("options", "defaults"):
        for option, value in row[part].items():
            check_known("option", option, known)
            if option in _SIZES:
                check_structure(value, _SIZES[option], f"preset.{part}.{option}")
    if both := sorted(row["options"].keys() & row["defaults"].keys()):
        raise ValueError(f"an option must be in `options` or in `defaults`. Received: {', '.join(both)} in both")


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 1


def _from_hub(address: str, file: str, commit: str | None = None) -> Path:
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
        at = {"revision": commit or revision, "endpoint": os.environ.get("HF_ENDPOINT")}
        return Path(hf_hub_download(repository, file, **at))
    except (HfHubHTTPError, LocalEntryNotFoundError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"`weights` must be a preset that the hub has; {file}: {reason} Received: {address!r}"
        ) from error
