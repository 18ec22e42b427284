"""Images and labels from a local .npz file, checked before they are believed."""

from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.split import Split

_KEYS = ("x_train", "y_train", "x_test", "y_test")


def read_npz(path: Path) -> tuple[Split, Split | None, Split]:
    """Train, validation (None if the file has none) and test of a file as `zoo.data.load` describes it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or an array is missing or not as described.
    """
    if not path.is_file():
        raise FileNotFoundError(f"`name` must be the path of an existing .npz file. Received: name={str(path)!r}")
    arrays = _npz_arrays(path)
    train, test = _npz_split(arrays, "train", path), _npz_split(arrays, "test", path)
    val = _npz_split(arrays, "val", path) if "x_val" in arrays else None
    for key, split in (("x_train", train), ("x_test", test)):
        if not len(split.y):
            raise _refusal(key, path, "at least one image", split.x.shape)
    for key, split in (("x_test", test), ("x_val", val)):
        if split is not None and split.x.shape[1:] != train.x.shape[1:]:
            raise _refusal(key, path, f"images of x_train's shape {train.x.shape[1:]}", split.x.shape[1:])
    return train, val, test


def _npz_arrays(path: Path) -> dict[str, np.ndarray]:
    arrays, found, reading = {}, [], "the archive"
    try:
        # Opened here because np.load leaves open what it fails to read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            found = list(archive.files)
            for reading in found:
                if reading in (*_KEYS, "x_val", "y_val"):
                    arrays[reading] = np.asarray(archive[reading])
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds for damaged files
        raise _refusal(reading, path, "readable as .npz without pickle", f"{type(error).__name__}: {error}") from error
    wanted = (*_KEYS, "x_val", "y_val") if {"x_val", "y_val"} & set(found) else _KEYS
    for key in wanted:
        if key not in arrays:
            raise _refusal(key, path, f"present, beside {', '.join(k for k in wanted if k != key)}", f"keys {found}")
    return arrays


def _npz_split(arrays: dict[str, np.ndarray], part: str, path: Path) -> Split:
    x, y = _images(arrays, f"x_{part}", path), _labels(arrays, f"y_{part}", path)
    if len(x) != len(y):
        raise _refusal(f"y_{part}", path, f"as long as x_{part}, {len(x)}", len(y))
    return Split(x, y)


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


def _labels(arrays: dict[str, np.ndarray], key: str, path: Path) -> np.ndarray:
    y = arrays[key]
    if y.shape[1:] == (1,):
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind not in "ui":
        raise _refusal(key, path, "integers of shape (n,) or (n, 1)", f"{y.dtype} of shape {y.shape}")
    if y.size and (y.min() < 0 or y.max() > np.iinfo(np.int64).max):
        raise _refusal(key, path, "integers >= 0", f"labels from {y.min()} to {y.max()}")
    return y.astype(np.int64)


def _refusal(key: str, path: Path, allowed: str, received: Any) -> ValueError:
    return ValueError(f"`{key}` in {str(path)!r} must be {allowed}. Received: {received}")
