"""The format of a supermask file: a description in JSON, then packed bits and numbers, all under one SHA-256."""

import hashlib
import io
import json
import math
import os
import re
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from zoo.files import parse_json, write_bytes
from zoo.layers import SignedKaimingConstant, initializers
from zoo.layers.masks import topk_mask_numpy
from zoo.layers.score_masked import ScoreMasked
from zoo.weights.structure import Where, check_structure

_MAGIC, _VERSION = b"SUPERMSK", 1
_HEADER = struct.Struct("<8sIQ32s")  # magic, version, bytes of JSON, sha256 of all that follows
VALUES = ("float16", "float32")
_DTYPES = ("bool", "float64", "bfloat16", *VALUES, *(f"{sign}int{n}" for sign in ("", "u") for n in (8, 16, 32, 64)))
_SIZE = Where("an int in [0, 2**48)", lambda n: type(n) is int and 0 <= n < 2**48)
_LAYER = {
    "shape": [_SIZE],
    "kind": Where("seed, signs, float16 or float32", lambda kind: kind in ("seed", "signs", *VALUES)),
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


class StoredLayer(NamedTuple):
    """A masked layer as its file has it.

    Attributes:
        mask: Bools, True for kept weights.
        kernel: The kept weights, with 0 elsewhere unless an initializer draws the kernel.
        initializer: The initializer that draws the kernel, or None.
    """

    mask: np.ndarray
    kernel: np.ndarray
    initializer: initializers.KaimingUniform | None = None


class Stored(NamedTuple):
    """What a supermask file holds: the config of its model, its masked layers and its other variables."""

    config: dict[str, Any]
    layers: list[StoredLayer]
    others: list[np.ndarray]


def write(path: str | os.PathLike, description: dict[str, Any], arrays: list[bytes]) -> None:
    """Write a file of a description and the bytes of its arrays; it appears whole or not at all."""
    header = json.dumps(description).encode()
    payload = b"".join([header, *arrays])
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, _HEADER.pack(_MAGIC, _VERSION, len(header), hashlib.sha256(payload).digest()) + payload)


def read(path: Path) -> Stored:
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
        raise ValueError(f"{path} is not a supermask file that can be read: {error}") from error


def _parsed(header: bytes, body: io.BytesIO) -> Stored:
    text = parse_json(header, "description")
    check_structure(text, _FORM, "description")
    layers = [_unpack(row, body) for row in text["layers"]]
    others = []
    for row in text["others"]:
        dtype = np.dtype(row["dtype"])
        data = np.frombuffer(_take(body, dtype.itemsize * math.prod(row["shape"])), dtype.newbyteorder("<"))
        others.append(data.reshape(row["shape"]).astype(dtype))
    if body.read(1):
        raise ValueError("there are more bytes than it describes")
    return Stored(text["model"], layers, others)


def pack(layer: ScoreMasked, values: str) -> tuple[dict[str, Any], bytes]:
    """Describe how a layer is stored, and return its bytes.

    The bytes are packed mask bits, then sign bits or kept weights in row-major order.
    """
    kernel, scores = ops.convert_to_numpy(layer.kernel), ops.convert_to_numpy(layer.scores)
    kernel = kernel.astype(np.float32)  # as it is read
    mask = topk_mask_numpy(scores, layer.sparsity, layer.score_transform)
    drawn = layer.kernel_initializer
    name = next((name for name, known in initializers.BY_NAME.items() if type(drawn) is known), None)
    if name and np.array_equal(drawn.draw(kernel.shape), kernel):
        kind, data = "seed", b""
    elif name == "signed_kaiming_constant" and (np.abs(kernel[mask]) == drawn.constant(kernel.shape)).all():
        kind, data = "signs", np.packbits(kernel[mask] < 0).tobytes()
    else:
        kind, data = values, little(kernel[mask].astype(values)).tobytes()
        kernel = kernel.astype(values).astype(np.float32)
    row = {"shape": list(kernel.shape), "kind": kind, "sha256": _digest(kernel, mask)}
    if kind == "seed":
        row.update(initializer=name, seed=drawn.seed)
    return row, np.packbits(mask).tobytes() + data


def _unpack(row: dict[str, Any], body: io.BytesIO) -> StoredLayer:
    """Read the next layer's bytes."""
    shape = tuple(row["shape"])
    if len(shape) < 2:
        raise ValueError(f"a kernel of shape {shape}")
    mask = _bits(body, math.prod(shape)).reshape(shape)
    count = int(mask.sum())
    drawn = None
    if row["kind"] == "seed":
        drawn = initializers.BY_NAME[row["initializer"]](row["seed"])
        kernel = drawn.draw(shape)
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
    return StoredLayer(mask, kernel, drawn)


def _digest(kernel: np.ndarray, mask: np.ndarray) -> str:
    return hashlib.sha256(little(kernel[mask]).tobytes()).hexdigest()


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


def little(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("<"))
