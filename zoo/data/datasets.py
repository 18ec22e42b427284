"""Real images by name or path: train, validation and test, as NumPy arrays or read from disk when asked for."""

import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zoo.data.csv_table import read_csv
from zoo.data.image_folder import read_image_folder
from zoo.data.image_sizes import common_size
from zoo.data.lazy_images import LazyImages
from zoo.data.memory import memory
from zoo.data.named_classes import check_class_names, check_range
from zoo.data.npz import read_npz
from zoo.data.parts import Parts, check_share, completed
from zoo.data.resizing import RESIZE, check_resize, height_and_width, resized_arrays
from zoo.data.split import Split
from zoo.data.tf_dataset import is_tf_dataset, read_tf_dataset
from zoo.data.tfds import read_tfds
from zoo.layers.arguments import check_known, int_at_least, one_of

NAMES = ("digits", "cifar10", "cifar100", "fashion_mnist", "imagenet2012", "mnist")


class Dataset(NamedTuple):
    """Three splits of one data set; it unpacks as `train, val, test`.

    Example:
        >>> data = zoo.data.load("digits")
        >>> data.input_shape, data.classes, len(data.test.y)
        ((8, 8, 1), 10, 360)
    """

    train: Split
    val: Split
    test: Split

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        _, height, width, channels = self.train.x.shape
        return height, width, channels

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes in the order of their numbers; None where classes are numbers only."""
        return self.train.class_names

    @property
    def classes(self) -> int:
        """Number of classes: that of their names, else 1 + the largest label over all the splits."""
        if self.class_names is not None:
            return len(self.class_names)
        return 1 + max(int(split.y.max()) for split in self if len(split.y))


def load(
    name: Any = "digits",
    data_dir: str | os.PathLike | None = None,
    *,
    validation: int | float | None = None,
    test: int | float | None = None,
    seed: int = 0,
    download: bool = False,
    image_size: int | tuple[int, int] | list[int] | None = None,
    resize: str | None = None,
    class_names: list[str] | tuple[str, ...] | None = None,
    damaged: str = "refuse",
) -> Dataset:
    """Load a data set by name, or one's own images by path.

    Images in files are JPEG or PNG of 8 bits per channel, become RGB (grey has three equal channels, transparency is
    left out) and are upright as their EXIF orientation says. Those of the size asked for are what their files hold, in
    every pixel.

    Splits that are not there are held out of the training examples: `test` of them, each class its share, and then
    `validation` of the rest, without regard to classes. Data with validation examples and no test split use them as the
    test split, with a warning that says so, and hold out others for validation.

    Args:
        name: One of

            - "digits", scikit-learn's 1,797 handwritten digits, 8x8x1, a fixed test split of 360;
            - "cifar10", "cifar100", "mnist", "fashion_mnist" or "imagenet2012", as tensorflow_datasets prepared them;
            - a folder of train/CLASS/*.png (or .jpg, .jpeg), test/CLASS and val/CLASS or validation/CLASS; or of the
              classes themselves, CLASS/*.png. Classes are numbered in the order of their names;
            - a path ending in `.csv`, a table with the columns `file`, relative to the table's folder, and `label`,
              all ints or texts; optionally `split`: train, val (or validation) or test;
            - a path ending in `.npz` with x_train, y_train, x_test, y_test and optionally x_val, y_val: images
              `(n, h, w)` or `(n, h, w, c)` with pixels in [0, 255], labels `(n,)` or `(n, 1)`, ints or texts;
            - a `tf.data.Dataset` of (image, label), images `(h, w, c)` or `(h, w)` in [0, 255], labels ints or texts,
              or of batches of such; it is read once, into memory.
        data_dir: Local folder of tensorflow_datasets; $TFDS_DATA_DIR or ~/tensorflow_datasets by default.
        validation: Number (int) or fraction (float) of the training examples held out. None means 5,000 where there
            are at least 50,000, else a tenth; 0 means none. A fraction leaves at least one example on each side. Data
            with a validation and a test split have it already.
        test: Likewise of data without a test split.
        seed: Int in [0, 2**32), chooses the examples held out, by their places: the same ones on every machine as
            long as the data are the same examples in the same order. A folder that has grown, and a `tf.data.Dataset`
            that shuffles anew, have others. A test split that the data bring never depends on it.
        download: Whether a set that is not prepared in `data_dir` may be downloaded. A prepared set is read offline.
        image_size: Int >= 1, height and width of the images, or a pair (height, width). None is the images' own, which
            must be the same for all, and 224 for "imagenet2012".
        resize: How images of another size come to it: "stretch", bilinear without antialiasing and rounded, as
            keras.utils.image_dataset_from_directory does by default; "crop", likewise of the largest centred window of
            that shape, as with its crop_to_aspect_ratio; "imagenet", of image files: the shorter side to 256/224 of a
            square `image_size` with antialiasing, then the centre, images as stored. None is "stretch", and "imagenet"
            for "imagenet2012".
        class_names: Names of the classes in the order of their numbers: of folders, where it is their order; of labels
            that are texts, which must be among them (by default their own, sorted); of ints.
        damaged: "refuse", an image file that cannot be read is an error when it is read; or "skip", every one is
            decoded once, here, and a warning says how many are left out.

    Returns:
        `Dataset(train, val, test)`, each with `x` `(n, h, w, c)` in [0, 255] and `y` `(n,)` int64, in stored order, and
        with `class_names`. Of image files x is `LazyImages`, and what "imagenet2012" calls validation is its test
        split.

    Raises:
        ValueError: If `name` is unknown, another argument is out of range, the stored data are damaged or not as
            described above, images have several sizes and `image_size` is None, or data would take more than half of
            the machine's memory.
        FileNotFoundError: If a file or a part of a folder does not exist, or the set is not prepared in `data_dir`.
        ModuleNotFoundError: If the set needs tensorflow or tensorflow_datasets and it is not installed.

    Example:
        >>> train, val, test = zoo.data.load("digits")
        >>> train.x.shape, len(val.y), len(test.y)
        ((1293, 8, 8, 1), 144, 360)
    """
    check_share("validation", validation)
    check_share("test", test)
    int_at_least("seed", seed)
    one_of("damaged", damaged, ("refuse", "skip"))
    size = None if image_size is None else height_and_width(image_size)
    if resize is not None:
        one_of("resize", resize, RESIZE)
    parts, names = _read(name, data_dir, download, size, resize, check_class_names(class_names), damaged == "skip")
    if damaged == "skip":
        parts = parts.each(_undamaged)
    splits = completed(parts, name, validation, test, int(seed))
    for split in splits:
        check_range(split.y, names)
    return Dataset(*(Split(split.x, split.y, names) for split in splits))


def _read(
    name: Any,
    data_dir: Any,
    download: bool,
    size: tuple[int, int] | None,
    resize: str | None,
    names: tuple[str, ...] | None,
    skip_damaged: bool,
) -> tuple[Parts, tuple[str, ...] | None]:
    """Splits that the data have and names of the classes."""
    if is_tf_dataset(name):
        split = read_tf_dataset(name, names, size, _of_arrays(resize))
        return Parts(split, None, None), split.class_names
    path = Path(name).expanduser() if isinstance(name, str | os.PathLike) and name not in ("", *NAMES) else None
    ending = path.suffix.lower() if path else ""
    if path and (ending == ".csv" or (ending != ".npz" and path.is_dir())):
        parts, files = read_csv(path, names) if ending == ".csv" else read_image_folder(path, names)
        return _lazy(parts, files, size, resize or "stretch", skip_damaged), parts.train.class_names
    if path and ending == ".npz":
        parts = read_npz(path, names)
        return _resized(parts, size, resize), parts.train.class_names
    allowed = (*NAMES, "a path ending in .npz", "a path ending in .csv", "a folder of images", "a tf.data.Dataset")
    check_known("name", str(name), allowed)
    if name == "imagenet2012":
        size, resize = size or (224, 224), resize or "imagenet"
        parts, own = read_tfds(str(name), data_dir, download, size, check_resize(resize, size))
        return parts, names or own
    parts, own = (_read_digits(), None) if name == "digits" else read_tfds(str(name), data_dir, download)
    return _resized(parts, size, resize), names or own


def _lazy(parts: Parts, files: list[str], size: Any, resize: str, skip_damaged: bool) -> Parts:
    """Splits whose rows of paths have become images in files."""
    size = size or common_size(files, skip_damaged)

    def lazy(split: Split, _: str) -> Split:
        own = [files[row] for row in split.x]
        where = np.stack([np.arange(len(own)), np.zeros(len(own), int), np.full(len(own), -1)], 1)
        return Split(LazyImages(own, where, size, resize), split.y, split.class_names)

    return parts.each(lazy)


def _resized(parts: Parts, size: tuple[int, int] | None, resize: str | None) -> Parts:
    """Splits of arrays at a size, None for their own."""
    if size is None:
        return parts
    how = _of_arrays(resize)
    bytes_of_a_pixel = sum(len(split.x) * split.x.shape[3] * split.x.itemsize for split in parts if split)
    if bytes_of_a_pixel * size[0] * size[1] > memory() // 2:
        raise ValueError(
            f"`image_size` must let all images fit into half of this machine's memory. Received: image_size={size}"
        )

    def resized(split: Split, _: str) -> Split:
        return Split(resized_arrays(np.asarray(split.x), size, how), split.y, split.class_names)

    return parts.each(resized)


def _of_arrays(resize: str | None) -> str:
    if resize == "imagenet":
        raise ValueError("`resize` must be 'stretch' or 'crop' for images in memory. Received: resize='imagenet'")
    return resize or "stretch"


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
        stacklevel=4,
    )
    return Split(images, split.y[rows], split.class_names)


def _read_digits() -> Parts:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    x = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    y = digits.target.astype(np.int64)
    # Every fifth of the examples sorted by label: 360 of them, stratified, and the same for ever.
    test = np.zeros(len(y), bool)
    test[np.argsort(y, kind="stable")[::5]] = True
    return Parts(Split(x[~test], y[~test]), None, Split(x[test], y[test]))
