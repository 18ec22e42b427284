"""Names of a data set's classes."""

import os
from pathlib import Path

from zoo.data.datasets import NAMES
from zoo.data.image_folder import class_folders
from zoo.data.tfds import tfds_class_names


def class_names(name: str | os.PathLike, data_dir: str | os.PathLike | None = None) -> list[str] | None:
    """Return the names of the classes of a data set, as `zoo.data.load` takes it, in the order of their numbers.

    Args:
        name: Name or path of the data set.
        data_dir: Local folder of tensorflow_datasets.

    Returns:
        The names; None of a set whose classes are numbers only, such as an .npz file.
    """
    if name in NAMES:
        return tfds_class_names(str(name), data_dir)
    path = Path(name).expanduser()
    return class_folders(path, "train") if path.is_dir() else None
