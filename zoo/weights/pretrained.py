"""Pretrained weights: manifest row -> file -> sha256 -> load -> check against a stored output."""

import json
import os
import re
import warnings
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from zoo.amplification.amplified import coins_off
from zoo.amplification.reseed import restored
from zoo.data.named_classes import check_class_names, names_or_numbers
from zoo.files import parse_json, sha256, write_json
from zoo.graph import inner_layers, uncompiled
from zoo.layers.arguments import did_you_mean
from zoo.layers.coins import coin_states
from zoo.weights.structure import Where, check_structure
from zoo.weights.weights_bytes import write_weights
from zoo.weights.weights_file import check_weights_file

# Inside zoo/ in an installed wheel, beside it in a checkout.
_FOLDERS = tuple(parent / "saved_models" for parent in Path(__file__).parents[1:3])
_SUPERMASK, _MANIFEST = ".supermask", "manifest.json"
_NUMBER = Where("a number", lambda x: type(x) in (int, float))
ROW = {
    "model": str,
    "weights": str,
    "file": Where("a path inside the manifest's folder", lambda file: _is_inside(file)),
    "sha256": str,
    "parameters": int,
    "options": dict,
    "defaults": dict,
    "score": {"accuracy": _NUMBER, "n": int, "split": str, "vote": str, "samples": int},
    "seed": int,
    "command": str,
    "reference": [[_NUMBER]],
}  # what is read here; a row may have more
_TOLERANCE = 1e-3  # of a probability: backends and machines round differently
_OF_16_BITS = {
    "float16": 0.02,
    "bfloat16": 0.1,
}  # measured up to 0.005 and 0.044; the file itself is known by its sha256
FREE = ("samples", "rate", "weight_decay")  # options that may be others without contradicting the weights
_OF_THE_DATA = ("input_shape", "classes")  # options that may be others than those of the weights


class Weights(NamedTuple):
    """A weights file and, for pretrained ones, its manifest row."""

    path: Path
    row: dict[str, Any] | None = None

    @property
    def is_supermask(self) -> bool:
        """Whether the file is a supermask."""
        return self.path.name.endswith(_SUPERMASK)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that they were trained on, their numbers where these had none; empty if not known."""
        if self.row is None or "class_names" not in self.row:
            return ()
        return names_or_numbers(check_class_names(self.row["class_names"]), self.row["options"]["classes"])

    def __str__(self) -> str:
        """Say whose weights these are, for a message."""
        return str(self.path) if self.row is None else f"weights={self.row['weights']!r} of {self.row['model']!r}"

    def merge(self, options: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
        """Merge a builder's options with those that the weights were trained with.

        Args:
            options: Options that are asked for. Images of another size and other classes contradict no weights.
            known: Names of the options that the builder has; it may be that of another model.

        Raises:
            ValueError: If an option contradicts the weights.
        """
        if self.row is None:
            return options
        trained = self.row["options"]
        for option, value in trained.items():
            if option in options and option not in _OF_THE_DATA and _plain(options[option]) != value:
                raise ValueError(f"{self} need {option}={value!r}. Received: {option}={options[option]!r}")
        images, channels = options.get("input_shape"), list(trained.get("input_shape", []))[-1:]
        if isinstance(images, tuple | list) and channels and list(images[-1:]) != channels:
            raise ValueError(f"{self} need images of {channels[0]} channels. Received: input_shape={images!r}")
        brought = {option: value for option, value in {**self.row["defaults"], **trained}.items() if option in known}
        return {**brought, **options}

    def are_of(self, name: str, model: keras.Model) -> bool:
        """Tell whether the weights are known to be all those of a model, head included."""
        if self.row is None:
            return False
        sizes = {"input_shape": list(model.input_shape[1:]), "classes": model.output_shape[-1]}
        trained = self.row["options"]
        return self.row["model"] == name and all(trained.get(key, size) == size for key, size in sizes.items())

    def load(self, model: keras.Model) -> None:
        """Load into `model` after checking the file; the model's coins keep their own seeds.

        Raises:
            FileNotFoundError: If there is no such file.
            UnfitError: If the file is of another configuration.
            ValueError: If it is altered or truncated, or does not give the stored output.
        """
        if not self.path.is_file():
            raise FileNotFoundError(f"`weights` must be a name from list_weights() or a file. Received: {self.path}")
        if self.row is not None and sha256(self.path) != self.row["sha256"]:
            raise ValueError(f"{self.path} is not the file that was published (its sha256 differs): reinstall it")
        if self.is_supermask:
            from zoo.weights.supermask import load_into

            load_into(model, self.path)
        else:
            self._load_h5(model)
        if self.row is not None:
            _check_output(model, self.row, self.path)

    def _load_h5(self, model: keras.Model) -> None:
        check_weights_file(self.path, model)
        try:
            with restored(coin_states(model)), warnings.catch_warnings():
                warnings.simplefilter("error")  # Keras only warns of layers that it leaves as they are
                model.load_weights(self.path)
        except Exception as error:  # h5py and Keras raise a dozen kinds for what they did not write
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ValueError(f"{self.path} does not fit the model; was it saved from another one? {reason}") from error


def list_weights() -> list[tuple[str, str]]:
    """List the pairs (model name, weights name) of the pretrained weights that `build(..., weights=)` takes.

    Example:
        >>> ("resnet20_cfnn", "digits") in zoo.list_weights()
        True
    """
    return sorted((row["model"], row["weights"]) for row in manifest())


def manifest() -> list[dict[str, Any]]:
    """Read the rows of the manifest, one per set of weights.

    Raises:
        ValueError: If it is not as written by `zoo.recipes.training.publish`, or names a file outside its folder.
    """
    path = folder() / _MANIFEST
    if not path.is_file():
        return []
    try:
        rows = parse_json(path.read_bytes(), path.name)
        check_structure(rows, [dict], "manifest")
        for index, row in enumerate(rows):
            score = row.get("score")
            known = _only(row, ROW) | ({"score": _only(score, ROW["score"])} if isinstance(score, dict) else {})
            check_structure(known, ROW, f"manifest[{index}]")
    except ValueError as error:
        raise ValueError(f"{path} is not a manifest of weights: {error}") from error
    return rows


def write_manifest(rows: Iterable[dict[str, Any]], folder: Path) -> None:
    """Write the rows of the manifest, sorted by model and weights, into its folder."""
    write_json(folder / _MANIFEST, sorted(rows, key=lambda row: (row["model"], row["weights"])))


def _only(row: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key in form}


def _is_inside(file: Any) -> bool:
    """Tell whether a path is relative and goes down only."""
    parts = re.split(r"[/\\]", file) if isinstance(file, str) else [""]
    return all(part not in ("", ".", "..") and not set(part) & {":", "\0"} for part in parts)


def folder() -> Path:
    """Return the folder of the weights: inside the installed package, or at the top of a checkout."""
    return next((path for path in _FOLDERS if path.is_dir()), _FOLDERS[-1])


def find_published(model_name: str, weights: Any, twins: Collection[str] = ()) -> Weights | None:
    """Find the weights published under a name, for a model or for its twins; None if there are none.

    Args:
        model_name: Name of the model.
        weights: A name of weights published for the model or for one of its twins, or `MODEL:NAME`, weights published
            for that model; anything else is no name.
        twins: Names of the models whose weights it takes under their own names.
    """
    row = _published(model_name, twins).get(weights) if isinstance(weights, str) else None
    return Weights(folder() / row["file"], row) if row else None


def _published(model_name: str, twins: Collection[str]) -> dict[str, dict[str, Any]]:
    """Manifest rows by the names that a model takes them under."""
    published = manifest()
    rows = {f"{row['model']}:{row['weights']}": row for row in published}
    for one in (*twins, model_name):  # its own come last and win
        rows.update({row["weights"]: row for row in published if row["model"] == one})
    return rows


def find_file(model_name: str, weights: str | os.PathLike, twins: Collection[str] = ()) -> Weights:
    """Return the weights in the file at a path, which need not exist.

    Args:
        model_name: Name of the model, for the error.
        weights: Path of the file.
        twins: Names of the models whose weights it takes under their own names, for the error.

    Raises:
        ValueError: If it is no path ending in `.weights.h5` or `.supermask`.
    """
    if isinstance(weights, os.PathLike):
        weights = os.fspath(weights)
    if isinstance(weights, str) and weights.endswith((".weights.h5", _SUPERMASK)):
        return Weights(Path(weights))
    rows = [name for name in _published(model_name, twins) if ":" not in name]
    known = ", ".join(map(repr, rows)) or "none"
    raise ValueError(
        f"`weights` must be one of those published for {model_name!r} ({known}) or a path ending in .weights.h5 or "
        f".supermask, or to a preset's folder.{did_you_mean(weights, rows)} Received: weights={weights!r}"
    )


def describe(row: dict[str, Any]) -> str:
    """Describe a manifest row in one line: score, how it was measured, and the command that trained it."""
    score = row["score"]
    vote = "" if score["vote"] == "none" else f" ({score['vote']} of {score['samples']})"
    return (
        f"{100 * score['accuracy']:.2f} % of {score['n']} {score['split']} examples{vote}, "
        f"{row['parameters']:,} parameters, seed {row['seed']}, `{row['command']}`"
    )


def save_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Write a model's weights, without its optimizer, to a `.weights.h5` file that is either whole or not there.

    Raises:
        OSError: If it cannot be written: a full disk, a folder that is read-only.
        ValueError: If `path` does not end in `.weights.h5`, or the model is neither Functional nor Sequential.

    Example:
        >>> model = zoo.build("stochastic_mlp", seed=1)
        >>> zoo.save_weights(model, "mine.weights.h5")
        >>> again = zoo.build("stochastic_mlp", weights="mine.weights.h5")
        >>> all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights()))
        True
    """
    path = Path(path)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"`path` must end in .weights.h5. Received: path={str(path)!r}")
    write_weights(uncompiled(model), path)  # no optimizer in the file


def reference_images(input_shape: tuple[int, ...]) -> np.ndarray:
    """Two fixed uint8 images `(2, *input_shape)` on which the published output is stored."""
    n = 2 * int(np.prod(input_shape))
    return (np.arange(n) * 37 % 251).astype("uint8").reshape(2, *input_shape)


def reference_output(model: keras.Model) -> np.ndarray:
    """Class probabilities `(2, classes)` of `reference_images`, coins off: the same on every run and backend."""
    images = reference_images(model.input_shape[1:])
    return keras.ops.convert_to_numpy(coins_off(model)(images, training=False))


def _check_output(model: keras.Model, row: dict[str, Any], path: Path) -> None:
    difference = np.abs(reference_output(model).astype("float64") - np.asarray(row["reference"])).max()
    if not difference <= max(_OF_16_BITS.get(layer.compute_dtype, _TOLERANCE) for layer in inner_layers(model)):
        raise ValueError(f"{path} does not give its stored output: it differs by {difference:.2g} on {row['model']!r}")


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))
