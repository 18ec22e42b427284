"""Supermask files: a trained masked model as packed bits, and what its random weights need to come back."""

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.files import atomic
from zoo.graph import uncompiled
from zoo.layers import SignedKaimingConstant, initializers
from zoo.layers.masks import kept, topk_mask_numpy
from zoo.layers.score_masked import ScoreMasked, masked_layers, require_masked_layers

_MAGIC, _VERSION = b"SUPERMSK", 1
_HEADER = struct.Struct("<8sIQ32s")  # magic, version, bytes of JSON, sha256 of all that follows
_VALUES = ("float16", "float32")


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
    with atomic(Path(path)) as part:
        part.write_bytes(_HEADER.pack(_MAGIC, _VERSION, len(header), hashlib.sha256(payload).digest()) + payload)


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
    text, body = _read(Path(path))
    try:
        model = keras.saving.deserialize_keras_object(text["model"], safe_mode=True)
    except Exception as error:  # whatever Keras makes of a config that it cannot build
        raise ValueError(f"{path} holds a model that cannot be built here: {str(error).splitlines()[0]}") from error
    _fill(model, text, body, path)
    return model


def load_into(model: keras.Model, path: str | os.PathLike) -> None:
    """Give a model of the same architecture the masks and weights of a supermask file; raises as `load_supermask`."""
    _fill(model, *_read(Path(path)), path)


def _read(path: Path) -> tuple[dict[str, Any], memoryview]:
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be a supermask file. Received: path={str(path)!r}")
    data = path.read_bytes()
    if data[: len(_MAGIC)] != _MAGIC[: len(data)] or not data:
        raise ValueError(f"{path} is not a supermask file")
    if len(data) < _HEADER.size:
        raise ValueError(f"{path} is truncated")
    _, version, length, digest = _HEADER.unpack_from(data)
    if version > _VERSION:
        raise ValueError(f"{path} has format {version}, this release reads up to {_VERSION}: install a newer release")
    payload = memoryview(data)[_HEADER.size :]
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError(f"{path} is truncated or altered: its sha256 differs")
    try:
        text = json.loads(bytes(payload[:length]))
    except ValueError as error:
        raise ValueError(f"{path} is not a supermask file: its description cannot be read") from error
    return text, payload[length:]


def _fill(model: keras.Model, text: dict[str, Any], body: memoryview, path) -> None:
    masked, others = masked_layers(model), _others(model)
    shapes = [list(layer.kernel.shape) for layer in masked], [list(variable.shape) for variable in others]
    if shapes != ([row["shape"] for row in text["layers"]], [row["shape"] for row in text["others"]]):
        raise ValueError(f"{path} was saved from a model with other layers (classes, width, input_shape, ...)")
    chunks = _chunks(body)
    next(chunks)
    for layer, row in zip(masked, text["layers"], strict=True):
        mask, kernel = _unpack(layer, row, chunks)
        if _digest(kernel, mask) != row["sha256"]:
            raise ValueError(f"{path} does not give the kernel of {layer.name!r} back")
        layer.kernel.assign(kernel)
        layer.scores.assign(mask)
    for variable, row in zip(others, text["others"], strict=True):
        dtype = np.dtype(row["dtype"])
        data = np.frombuffer(chunks.send(dtype.itemsize * int(np.prod(row["shape"]))), dtype.newbyteorder("<"))
        variable.assign(data.reshape(row["shape"]).astype(dtype))


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


def _unpack(layer: ScoreMasked, row: dict[str, Any], chunks) -> tuple[np.ndarray, np.ndarray]:
    """Mask and kernel of a stored layer, both float32."""
    shape = tuple(row["shape"])
    size = int(np.prod(shape))
    count = kept(size, layer.sparsity)
    mask = np.unpackbits(np.frombuffer(chunks.send(-(-size // 8)), np.uint8), count=size).astype(bool).reshape(shape)
    if mask.sum() != count:
        raise ValueError(
            f"The file was saved at another sparsity. Received: sparsity={layer.sparsity} in {layer.name!r}"
        )
    if row["kind"] == "seed":
        return mask.astype(np.float32), initializers.BY_NAME[row["initializer"]](row["seed"]).draw(shape)
    if row["kind"] == "signs":
        negative = np.unpackbits(np.frombuffer(chunks.send(-(-count // 8)), np.uint8), count=count)
        values = SignedKaimingConstant.constant(shape) * (1 - 2 * negative.astype(np.float32))
    else:
        dtype = np.dtype(row["kind"])
        values = np.frombuffer(chunks.send(count * dtype.itemsize), dtype.newbyteorder("<")).astype(np.float32)
    kernel = np.zeros(shape, np.float32)
    kernel[mask] = values
    return mask.astype(np.float32), kernel


def _digest(kernel: np.ndarray, mask: np.ndarray) -> str:
    return hashlib.sha256(_little(kernel[mask.astype(bool)]).tobytes()).hexdigest()


def _chunks(body: memoryview) -> Iterator[memoryview]:
    """A generator that is sent a number of bytes and yields the next so many."""
    taken, piece = 0, body[:0]
    while True:
        count = yield piece
        piece, taken = body[taken : taken + count], taken + count


def _others(model: keras.Model) -> list:
    """Variables that no mask describes, in the model's order."""
    described = {id(variable) for layer in masked_layers(model) for variable in (layer.kernel, layer.scores)}
    return [variable for variable in uncompiled(model).variables if id(variable) not in described]


def _little(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("<"))
