"""Real images by name: train, validation and test, as NumPy arrays or read from disk when they are asked for."""

import numbers
import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zoo.data.image_folder import read_image_folder
from zoo.data.lazy_images import LazyImages
from zoo.data.npz import read_npz
from zoo.data.split import Split
from zoo.data.tfds import read_tfds
from zoo.layers.arguments import check_known, int_at_least, one_of

NAMES = ("digits", "cifar10", "cifar100", "fashion_mnist", "imagenet2012", "mnist")


class Dataset(NamedTuple):
    """Three splits of one data set; it unpacks as `train, val, test`."""

    train: Split
    val: Split
    test: Split

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        _, height, width, channels = self.train.x.shape
        return height, width, channels

    @property
    def classes(self) -> int:
        """1 + the largest label over all the splits."""
        return 1 + max(int(split.y.max()) for split in self if len(split.y))


def load(
    name: str | os.PathLike = "digits",
    data_dir: str | os.PathLike | None = None,
    *,
    validation: int | float | None = None,
    seed: int = 0,
    download: bool = False,
    image_size: int = 224,
    damaged: str = "refuse",
) -> Dataset:
    """Load a data set and hold out a part of its training examples for validation.

    Args:
        name: "digits" (scikit-learn's 1,797 handwritten digits, 8x8x1, a fixed test split of 360); "cifar10",
            "cifar100", "mnist", "fashion_mnist" or "imagenet2012" as tensorflow_datasets prepared them; a path ending
            in `.npz` with x_train, y_train, x_test, y_test and optionally x_val, y_val: images `(n, h, w)` or
            `(n, h, w, c)` with pixels in [0, 255], labels `(n,)` or `(n, 1)` integers; or a folder of image files
            train/CLASS/*.jpg and val/CLASS/*.jpg (.jpeg, .png), classes numbered in the order of their names.
        data_dir: Local folder of tensorflow_datasets; $TFDS_DATA_DIR or ~/tensorflow_datasets by default.
        validation: Number (int) or fraction (float) of the training examples held out. None means 5,000 where there
            are at least 50,000, else a tenth; 0 means none. A fraction leaves at least one example on each side.
            An .npz file with x_val and y_val has its validation split already.
        seed: Int in [0, 2**32), chooses the examples held out, the same ones on every machine. Test never depends on
            it.
        download: Whether a set that is not prepared in `data_dir` may be downloaded. A prepared set is read offline.
        image_size: Int >= 1, height and width of the images of "imagenet2012" and of a folder.
        damaged: "refuse", an image of these that cannot be read is an error when it is read; or "skip", every image is
            decoded once, here, and a warning says how many are left out.

    Returns:
        `Dataset(train, val, test)`, each with `x` `(n, h, w, c)` in [0, 255] and `y` `(n,)` int64, in stored order.
        Of "imagenet2012" and of a folder, x is `LazyImages` and what they call validation is the test split.

    Raises:
        ValueError: If `name` is unknown, another argument is out of range, the stored data are damaged or not as
            described above, or an .npz file would take more than half of the machine's memory.
        FileNotFoundError: If the .npz file or a part of the folder does not exist, or the set is not prepared in
            `data_dir`.
        ModuleNotFoundError: If the set needs tensorflow or tensorflow_datasets and it is not installed.

    Example:
        >>> train, val, test = zoo.data.load("digits")
        >>> train.x.shape, len(val.y), len(test.y)
        ((1293, 8, 8, 1), 144, 360)
    """
    _check_validation(validation)
    int_at_least("seed", seed)
    one_of("damaged", damaged, ("refuse", "skip"))
    train, val, test = _read(name, data_dir, download, int_at_least("image_size", image_size, minimum=1))
    if damaged == "skip":
        train, test = _undamaged(train, "training"), _undamaged(test, "test")
    if val is None:
        train, val = _hold_out(train, validation, int(seed))
    return Dataset(train, val, test)


def _read(name: Any, data_dir: Any, download: bool, image_size: int) -> tuple[Split, Split | None, Split]:
    if str(name).lower().endswith(".npz"):
        return read_npz(Path(name).expanduser())
    path = isinstance(name, str | os.PathLike) and name not in ("", *NAMES)
    if path and Path(name).expanduser().is_dir():
        return read_image_folder(Path(name).expanduser(), image_size)
    check_known("name", str(name), (*NAMES, "a path ending in .npz", "a folder of images"))
    return _read_digits() if name == "digits" else read_tfds(str(name), data_dir, download, image_size)


def _check_validation(validation: Any) -> None:
    number = isinstance(validation, numbers.Real) and not isinstance(validation, bool)
    limit = float("inf") if isinstance(validation, numbers.Integral) else 1
    if validation is not None and not (number and 0 <= float(validation) < limit):
        raise ValueError(
            f"`validation` must be None, an int >= 0 or a float in [0, 1). Received: validation={validation!r}"
        )


def _hold_out(train: Split, validation: Any, seed: int) -> tuple[Split, Split]:
    total = len(train.y)
    if validation is None:
        validation = 5000 if total >= 50000 else 0.1
    if isinstance(validation, numbers.Integral) or validation == 0:
        count = int(validation)
    else:
        count = min(max(1, round(total * float(validation))), total - 1)
    if count >= total:
        raise ValueError(f"`validation` must be below {total} training examples. Received: validation={validation!r}")
    order = np.random.default_rng(seed).permutation(total)
    held, kept = np.sort(order[:count]), np.sort(order[count:])
    return _take(train, kept), _take(train, held)


def _take(split: Split, rows: np.ndarray) -> Split:
    return Split(split.x.take(rows) if isinstance(split.x, LazyImages) else split.x[rows], split.y[rows])


def _undamaged(split: Split, part: str) -> Split:
    """Leave out the images that cannot be read, and warn of them; arrays are as they are."""
    if not isinstance(split.x, LazyImages):
        return split
    images, rows = split.x.undamaged()
    if len(rows) == len(split.y):
        return split
    if not len(rows):
        raise ValueError(f"`name` must have an undamaged {part} image. Received: {len(split.y)} damaged ones")
    lost = np.setdiff1d(np.arange(len(split.y)), rows)
    names = ", ".join(repr(split.x.files[file]) for file in split.x.where[lost[:3], 0])
    warnings.warn(
        f"{len(lost)} of {len(split.y)} {part} images cannot be read and are left out: {names}"
        f"{', ...' if len(lost) > 3 else ''}",
        stacklevel=3,
    )
    return Split(images, split.y[rows])


def _read_digits() -> tuple[Split, None, Split]:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    x = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    y = digits.target.astype(np.int64)
    # Every fifth of the examples sorted by label: 360 of them, stratified, and the same for ever.
    test = np.zeros(len(y), bool)
    test[np.argsort(y, kind="stable")[::5]] = True
    return Split(x[~test], y[~test]), None, Split(x[test], y[test])
