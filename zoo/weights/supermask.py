"""Supermask files: a trained masked model as packed bits, and what its random weights need to come back."""

import hashlib
import io
import json
import math
import os
import re
import struct
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from zoo.files import write_bytes
from zoo.graph import planned, uncompiled
from zoo.layers import SignedKaimingConstant, initializers
from zoo.layers.masks import kept, topk_mask_numpy
from zoo.layers.score_masked import ScoreMasked, masked_layers, require_masked_layers
from zoo.weights.structure import Where, check_structure, parse

_MAGIC, _VERSION = b"SUPERMSK", 1
_HEADER = struct.Struct("<8sIQ32s")  # magic, version, bytes of JSON, sha256 of all that follows
_VALUES = ("float16", "float32")
_DTYPES = ("bool", "float64", "bfloat16", *_VALUES, *(f"{sign}int{n}" for sign in ("", "u") for n in (8, 16, 32, 64)))
_SIZE = Where("an int in [0, 2**48)", lambda n: type(n) is int and 0 <= n < 2**48)
_LAYER = {
    "shape": [_SIZE],
    "kind": Where("seed, signs, float16 or float32", lambda kind: kind in ("seed", "signs", *_VALUES)),
    "sha256": Where("64 digits", lambda text: isinstance(text, str) and bool(re.fullmatch("[0-9a-f]{64}", text))),
}
_SEED = {
    "initializer": Where("a known initializer", lambda name: isinstance(name, str) and name in initializers.BY_NAME),
    "seed": Where("an int in [0, 2**32)", lambda n: type(n) is int and 0 <= n < 2**32),
}
_FORM = {
    "model": dict,
    "layers": [lambda row: {**_LAYER, **_SEED} if isinstance(row, dict) and row.get("kind") == "seed" else _LAYER],
    "others": [{"shape": [_SIZE], "dtype": Where("a dtype", lambda name: name in _DTYPES)}],
}


class _StoredLayer(NamedTuple):
    """A masked layer as its file has it: a bool mask and the kernel of its kept weights, 0 elsewhere if not drawn."""

    mask: np.ndarray
    kernel: np.ndarray


class _Stored(NamedTuple):
    """What a supermask file holds: the config of its model, its masked layers and its other variables."""

    config: dict[str, Any]
    layers: list[_StoredLayer]
    others: list[np.ndarray]


def save_supermask(model: keras.Model, path: str | os.PathLike, *, values: str = "float32") -> None:
    """Save a trained masked model as its masks, one bit per weight, and as little else as gives its weights back.

    A layer whose kernel is still what its initializer drew (KU or SC, edge-popup) needs nothing else: the seed is in
    the model's config. Redrawn signed constants (SC, IteRand) take a sign bit per kept weight; other kernels take
    their kept weights. Scores and pruned weights are not stored, so a loaded model predicts the same but starts
    training afresh. Moving statistics and ordinary weights are stored as they are.

    Args:
        model: A Functional or Sequential model with score-masked layers.
        path: File to write; it appears whole or not at all.
        values: "float32", or "float16" to round kept weights that are stored as numbers.

    Raises:
        ValueError: If the model is neither or has no score-masked layer, a score is NaN, or `values` is unknown.

    Example:
        >>> model = zoo.build("conv6_iterand", width=0.1, input_shape=(8, 8, 1), seed=0)
        >>> zoo.save_supermask(model, "net.supermask")
        >>> again = zoo.load_supermask("net.supermask")
        >>> x = np.ones((1, 8, 8, 1))
        >>> bool(np.allclose(again(x), model(x), atol=1e-6))
        True
    """
    if values not in _VALUES:
        raise ValueError(f"`values` must be one of {', '.join(map(repr, _VALUES))}. Received: values={values!r}")
    masked, plain = require_masked_layers(model), uncompiled(model)
    packed = [_pack(layer, values) for layer in masked]
    others = [ops.convert_to_numpy(variable) for variable in _others(model)]
    text = {
        "model": keras.saving.serialize_keras_object(plain),
        "layers": [description for description, _ in packed],
        "others": [{"shape": list(array.shape), "dtype": str(array.dtype)} for array in others],
    }
    header = json.dumps(text).encode()
    payload = b"".join([header, *(data for _, data in packed), *(_little(array).tobytes() for array in others)])
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, _HEADER.pack(_MAGIC, _VERSION, len(header), hashlib.sha256(payload).digest()) + payload)


def load_supermask(path: str | os.PathLike) -> keras.Model:
    """Load the model of a supermask file, on any backend; it predicts what the saved model did.

    Its scores are 1 for kept and 0 for pruned weights, and pruned weights are 0 where the file does not have them.
    `zoo.fold` makes an ordinary network of it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is altered, truncated, of a newer version, or not a supermask file.

    Example:
        >>> zoo.save_supermask(zoo.build("conv6_edge_popup", width=0.1, input_shape=(8, 8, 1), seed=0), "net.supermask")
        >>> zoo.load_supermask("net.supermask").output_shape
        (None, 10)
    """
    stored = _read(Path(path))
    try:
        # Built once without memory: the sizes in the config are compared with what is stored before they are believed.
        _check_fits(planned(stored.config), stored, path)
        model = keras.saving.deserialize_keras_object(stored.config, safe_mode=True)
    except _UnfitError:
        raise
    except Exception as error:  # whatever Keras makes of a config that it cannot build
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path} holds a model that cannot be built here: {reason}") from error
    _fill(model, stored, path)
    return model


def load_into(model: keras.Model, path: str | os.PathLike) -> None:
    """Give a model of the same architecture the masks and weights of a supermask file; raises as `load_supermask`."""
    stored = _read(Path(path))
    _check_fits(model, stored, path)
    _fill(model, stored, path)


class _UnfitError(ValueError):
    """Raised where a file's layers are not the model's."""


def _read(path: Path) -> _Stored:
    """Read a file and check everything that does not depend on a model."""
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be a supermask file. Received: path={str(path)!r}")
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
        if head[: len(_MAGIC)] != _MAGIC[: len(head)] or not head:
            raise ValueError(f"{path} is not a supermask file")
        if len(head) < _HEADER.size:
            raise ValueError(f"{path} is truncated")
        _, version, length, digest = _HEADER.unpack(head)
        if version > _VERSION:
            raise ValueError(
                f"{path} has format {version}, this release reads up to {_VERSION}: install a newer release"
            )
        payload = file.read()
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError(f"{path} is truncated or altered: its sha256 differs")
    try:
        return _parsed(payload[:length], io.BytesIO(payload[length:]))
    except ValueError as error:
        raise ValueError(f"{path} is not a supermask file: its description cannot be read: {error}") from error


def _parsed(header: bytes, body: io.BytesIO) -> _Stored:
    text = parse(header)
    check_structure(text, _FORM, "description")
    layers = [_unpack(row, body) for row in text["layers"]]
    others = []
    for row in text["others"]:
        dtype = np.dtype(row["dtype"])
        data = np.frombuffer(_take(body, dtype.itemsize * math.prod(row["shape"])), dtype.newbyteorder("<"))
        others.append(data.reshape(row["shape"]).astype(dtype))
    if body.read(1):
        raise ValueError("there are more bytes than it describes")
    return _Stored(text["model"], layers, others)


def _check_fits(model: Any, stored: _Stored, path) -> None:
    """Raise a `ValueError` unless a model has the layers and variables of a file."""
    if not isinstance(model, keras.Model):
        raise _UnfitError(f"{path} holds no model")
    masked, others = masked_layers(model), _others(model)
    shapes = [tuple(layer.kernel.shape) for layer in masked], [tuple(variable.shape) for variable in others]
    if shapes != ([layer.mask.shape for layer in stored.layers], [array.shape for array in stored.others]):
        raise _UnfitError(f"{path} was saved from a model with other layers (classes, width, input_shape, ...)")
    for variable, array in zip(others, stored.others, strict=True):
        if _is_whole(np.dtype(keras.backend.standardize_dtype(variable.dtype))) != _is_whole(array.dtype):
            raise _UnfitError(f"{path} was saved from a model with other dtypes: {array.dtype} for {variable.path!r}")
    for layer, (mask, _) in zip(masked, stored.layers, strict=True):
        if mask.sum() != kept(mask.size, layer.sparsity):
            raise _UnfitError(
                f"{path} was saved at another sparsity. Received: sparsity={layer.sparsity} in {layer.name!r}"
            )


def _is_whole(dtype: np.dtype) -> bool:
    return dtype.kind in "biu"


def _fill(model: keras.Model, stored: _Stored, path) -> None:
    for layer, (mask, kernel) in zip(masked_layers(model), stored.layers, strict=True):
        layer.kernel.assign(kernel)
        layer.scores.assign(mask.astype(np.float32))
    for variable, array in zip(_others(model), stored.others, strict=True):
        variable.assign(array)


def _pack(layer: ScoreMasked, values: str) -> tuple[dict[str, Any], bytes]:
    """Describe how a layer is stored, and return its bytes.

    The bytes are packed mask bits, then sign bits or kept weights in row-major order.
    """
    kernel, scores = ops.convert_to_numpy(layer.kernel), ops.convert_to_numpy(layer.scores)
    mask = topk_mask_numpy(scores, layer.sparsity, layer.score_transform)
    drawn = layer.kernel_initializer
    name = next((name for name, known in initializers.BY_NAME.items() if type(drawn) is known), None)
    if name and np.array_equal(drawn.draw(kernel.shape), kernel):
        kind, data = "seed", b""
    elif name == "signed_kaiming_constant" and (np.abs(kernel[mask]) == drawn.constant(kernel.shape)).all():
        kind, data = "signs", np.packbits(kernel[mask] < 0).tobytes()
    else:
        kind, data = values, _little(kernel[mask].astype(values)).tobytes()
        kernel = kernel.astype(values).astype(np.float32)
    row = {"shape": list(kernel.shape), "kind": kind, "sha256": _digest(kernel, mask)}
    if kind == "seed":
        row.update(initializer=name, seed=drawn.seed)
    return row, np.packbits(mask).tobytes() + data


def _unpack(row: dict[str, Any], body: io.BytesIO) -> _StoredLayer:
    """Read the next layer's bytes."""
    shape = tuple(row["shape"])
    if len(shape) < 2:
        raise ValueError(f"a kernel of shape {shape}")
    mask = _bits(body, math.prod(shape)).reshape(shape)
    count = int(mask.sum())
    if row["kind"] == "seed":
        kernel = initializers.BY_NAME[row["initializer"]](row["seed"]).draw(shape)
    else:
        if row["kind"] == "signs":
            values = SignedKaimingConstant.constant(shape) * (1 - 2 * _bits(body, count).astype(np.float32))
        else:
            dtype = np.dtype(row["kind"])
            values = np.frombuffer(_take(body, count * dtype.itemsize), dtype.newbyteorder("<")).astype(np.float32)
        kernel = np.zeros(shape, np.float32)
        kernel[mask] = values
    if _digest(kernel, mask) != row["sha256"]:
        raise ValueError("it does not give a kernel back")
    return _StoredLayer(mask, kernel)


def _digest(kernel: np.ndarray, mask: np.ndarray) -> str:
    return hashlib.sha256(_little(kernel[mask]).tobytes()).hexdigest()


def _take(body: io.BytesIO, count: int) -> bytes:
    """Read that many bytes."""
    if count > len(body.getbuffer()) - body.tell():
        raise ValueError("there are fewer bytes than it describes")
    return body.read(count)


def _bits(body: io.BytesIO, count: int) -> np.ndarray:
    """Read that many bits as bools; those that fill the last byte are 0."""
    bits = np.unpackbits(np.frombuffer(_take(body, -(-count // 8)), np.uint8)).astype(bool)
    if bits[count:].any():
        raise ValueError("bits are set behind a mask")
    return bits[:count]


def _others(model: keras.Model) -> list:
    """Variables that no mask describes, in the model's order."""
    described = {id(variable) for layer in masked_layers(model) for variable in (layer.kernel, layer.scores)}
    return [variable for variable in uncompiled(model).variables if id(variable) not in described]


def _little(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("<"))
