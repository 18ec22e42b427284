"""Images and labels from a local .npz file, checked before they are believed."""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.memory import memory
from zoo.data.named_classes import are_numbers, numbered
from zoo.data.parts import Parts
from zoo.data.split import Split

_KEYS = ("x_train", "y_train", "x_test", "y_test")
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_FLOOR, _EXPANSION = 2**30, 100  # arrays above a GiB may be this many times the file: no images compress so well


def read_npz(path: Path, names: tuple[str, ...] | None = None) -> Parts:
    """Train, validation (None if the file has none) and test of a file as `zoo.data.load` describes it.

    Args:
        path: The file.
        names: Names of the classes in the order of their numbers; None takes those of y_train, if they are texts.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, an array is missing or not as described, or all of them take more than half of
            the machine's memory, or more than 1 GiB and 100 times the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"`name` must be the path of an existing .npz file. Received: name={str(path)!r}")
    arrays = _npz_arrays(path)
    labels, names = _labels(arrays, path, names)
    train, test = (_npz_split(arrays, part, path, labels, names) for part in ("train", "test"))
    val = _npz_split(arrays, "val", path, labels, names) if "x_val" in arrays else None
    for key, split in (("x_train", train), ("x_test", test)):
        if not len(split.y):
            raise _refusal(key, path, "at least one image", split.x.shape)
    for key, split in (("x_test", test), ("x_val", val)):
        if split is not None and split.x.shape[1:] != train.x.shape[1:]:
            raise _refusal(key, path, f"images of x_train's shape {train.x.shape[1:]}", split.x.shape[1:])
    return Parts(train, val, test)


def _npz_arrays(path: Path) -> dict[str, np.ndarray]:
    arrays, found, reading = {}, [], "the archive"
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            found = list(entries)
            chosen = [key for key in found if key in (*_KEYS, "x_val", "y_val")]
            _check_memory(sum(entries[key].file_size for key in chosen), path)
            for reading in chosen:
                arrays[reading] = _read_array(archive, entries[reading])
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds for damaged files
        raise _refusal(reading, path, "readable as .npz without pickle", f"{type(error).__name__}: {error}") from error
    wanted = (*_KEYS, "x_val", "y_val") if {"x_val", "y_val"} & set(found) else _KEYS
    for key in wanted:
        if key not in arrays:
            raise _refusal(key, path, f"present, beside {', '.join(k for k in wanted if k != key)}", f"keys {found}")
    return {key: arrays[key] for key in wanted}  # in this order, whatever the file's


def _check_memory(size: int, path: Path) -> None:
    """Refuse what unpacks to more than fits, going by the archive's directory: no entry gives more than it says."""
    limit = memory() // 2
    if size > limit:
        raise ValueError(f"arrays of {size:,} bytes; half of this machine's memory is {limit:,}")
    stored = path.stat().st_size
    if size > _FLOOR and size > _EXPANSION * stored:
        raise ValueError(f"arrays of {size:,} bytes in a file of {stored:,}")


def _read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """Read an array after its header has been compared with the directory, so that no other size is allocated."""
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"format {version} of .npy")
        shape, _, dtype = _HEADERS[version](file)
        if dtype.hasobject or min(shape, default=0) < 0:
            raise ValueError(f"{dtype} of shape {shape}")
        if file.tell() + math.prod(shape) * dtype.itemsize != entry.file_size:
            raise ValueError(f"{dtype} of shape {shape} in {entry.file_size:,} bytes")
    with archive.open(entry) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _npz_split(
    arrays: dict[str, np.ndarray],
    part: str,
    path: Path,
    labels: dict[str, np.ndarray],
    names: tuple[str, ...] | None,
) -> Split:
    x, y = _images(arrays, f"x_{part}", path), labels[f"y_{part}"]
    if len(x) != len(y):
        raise _refusal(f"y_{part}", path, f"as long as x_{part}, {len(x)}", len(y))
    return Split(x, y, names)


def _images(arrays: dict[str, np.ndarray], key: str, path: Path) -> np.ndarray:
    x = arrays[key]
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or 0 in x.shape[1:]:
        raise _refusal(key, path, "of shape (n, h, w) or (n, h, w, c)", x.shape)
    if x.dtype.kind not in "uif":
        raise _refusal(key, path, "uint8 or float", x.dtype)
    # Written so that NaN, for which no comparison holds, is refused as well.
    if x.size and not (x.min() >= 0 and x.max() <= 255):
        raise _refusal(key, path, "finite and in [0, 255]", f"pixels from {x.min()} to {x.max()}")
    return x.astype(np.float32 if x.dtype.kind == "f" else np.uint8)


def _labels(
    arrays: dict[str, np.ndarray], path: Path, names: tuple[str, ...] | None
) -> tuple[dict[str, np.ndarray], tuple[str, ...] | None]:
    """Labels of all splits as numbers, of texts the same number in each, and the names of the classes."""
    labels = {}
    for key in [key for key in arrays if key.startswith("y_")]:
        y = arrays[key]
        labels[key] = y[:, 0] if y.shape[1:] == (1,) else y
        if labels[key].ndim != 1 or y.dtype.kind not in "uiU":
            raise _refusal(key, path, "integers or texts of shape (n,) or (n, 1)", f"{y.dtype} of shape {y.shape}")
        if (y.dtype.kind == "U") != (labels["y_train"].dtype.kind == "U"):
            kind = "texts" if labels["y_train"].dtype.kind == "U" else "integers"
            raise _refusal(key, path, f"{kind}, as y_train is", y.dtype)
    if labels["y_train"].dtype.kind != "U":
        for key, y in labels.items():
            if y.size and (y.min() < 0 or y.max() > np.iinfo(np.int64).max):
                raise _refusal(key, path, "integers >= 0", f"labels from {y.min()} to {y.max()}")
        return {key: y.astype(np.int64) for key, y in labels.items()}, names
    places = [(key, index) for key, y in labels.items() for index in range(len(y))]
    texts = [text for y in labels.values() for text in y.tolist()]
    if not are_numbers(texts, names):
        names = names or tuple(sorted(set(labels["y_train"].tolist()))) or None
    y, names = numbered(texts, names, lambda i: f"`{places[i][0]}`[{places[i][1]}] in {str(path)!r}")
    ends = np.cumsum([len(one) for one in labels.values()])[:-1]
    return dict(zip(labels, np.split(y, ends), strict=True)), names


def _refusal(key: str, path: Path, allowed: str, received: Any) -> ValueError:
    return ValueError(f"`{key}` in {str(path)!r} must be {allowed}. Received: {received}")
