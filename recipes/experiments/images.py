"""Images that experiments train and test on: the first examples of a data set."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

import zoo
from zoo.data.split import Split
from zoo.recipes.experiments.experiment import Settings

# Name -> options of NormalizePixels. The hypernetworks' released code takes MNIST's statistics for CIFAR-10 too.
PIXELS = {"normalized": {"mean": 0.1307, "variance": 0.3081**2}, "unit": {"mean": 0.0, "variance": 1.0}}


class Images(NamedTuple):
    """Images `(n, h, w, c)` to train on and to test on."""

    train: np.ndarray
    test: np.ndarray


def load_splits(settings: Settings, data_dir: str | None) -> list[Split]:
    """Load the examples to train on and those to test on.

    Args:
        settings: Settings with `data`, a name or path that `zoo.data.load` knows, and with `samples` and
            `test_samples`, the numbers of first examples to take, where 0 is all.
        data_dir: Folder of the TensorFlow datasets.

    Returns:
        Two splits, of images `(n, h, w, c)` and of integer labels `(n,)`.

    Raises:
        ValueError: If there are fewer examples, or the data do not fit into memory.
    """
    train, _, test = zoo.data.load(settings["data"], data_dir, validation=0)
    if not isinstance(train.x, np.ndarray):
        raise ValueError(f"`data` must fit into memory, a folder of images does not. Received: {settings['data']!r}")
    parts = []
    for key, split in (("samples", train), ("test_samples", test)):
        if settings[key] > len(split.x):
            raise ValueError(f"`{key}` must be at most {len(split.x)}, 0 is all. Received: {key}={settings[key]}")
        size = settings[key] or None
        parts.append(Split(split.x[:size], split.y[:size]))
    return parts


def count_classes(splits: Iterable[Split]) -> int:
    """Number of classes, by the largest label of all splits."""
    return 1 + max(int(split.y.max()) for split in splits)


def load_images(settings: Settings, data_dir: str | None) -> Images:
    """Load the images of `load_splits` without their labels."""
    return Images(*(np.asarray(split.x) for split in load_splits(settings, data_dir)))
