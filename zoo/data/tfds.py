"""Data sets that tensorflow_datasets prepared, read from disk."""

import importlib.util
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.host_only import keep_off_gpus
from zoo.data.parts import Parts
from zoo.data.split import Split
from zoo.data.tfrecords import read_tfrecords


def read_tfds(
    name: str, data_dir: Any, download: bool, size: tuple[int, int] = (224, 224), resize: str = "imagenet"
) -> tuple[Parts, tuple[str, ...] | None]:
    """Train and test of a prepared set, and the names of its classes, None if it has none.

    Args:
        name: Name of the set.
        data_dir: Folder of prepared sets.
        download: Whether it may be downloaded.
        size: Height and width of the images of "imagenet2012"; of the others, images are as stored.
        resize: See `LazyImages`, likewise.
    """
    for package in ("tensorflow", "tensorflow_datasets"):
        if importlib.util.find_spec(package) is None:
            raise ModuleNotFoundError(
                f"`name` must be 'digits', a folder or a path to a .csv or .npz file, which work without TensorFlow, "
                f"where {package} is not installed. Received: name={name!r}",
                name=package,
            )
    root = _root(data_dir)
    if download and _prepared(root, name) is None:
        import tensorflow_datasets as tfds

        tfds.builder(name, data_dir=str(root)).download_and_prepare()
    # Found by its files, not by name, so that nothing here can reach the network.
    folder = _prepared(root, name)
    if folder is None:
        command = f"import tensorflow_datasets as tfds; tfds.load({name!r}, data_dir={str(root)!r}, download=True)"
        raise FileNotFoundError(
            f"`data_dir` must hold {name!r} as tensorflow_datasets prepares it. Download it once with "
            f'`python -c "{command}"` or pass `download=True`. Received: data_dir={str(root)!r}'
        )
    names = _class_names(folder)
    try:
        return _read_imagenet(folder, size, resize) if name == "imagenet2012" else _read_prepared(folder), names
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # TensorFlow's errors share no base with Python's
        import tensorflow as tf

        if isinstance(error, tf.errors.ResourceExhaustedError | tf.errors.PermissionDeniedError):
            raise  # nothing that another download would mend
        raise ValueError(
            f"`data_dir` must hold an undamaged data set: delete {str(folder)!r} and download it again. "
            f"Received: {type(error).__name__}: {error}"
        ) from error


def _class_names(folder: Path) -> tuple[str, ...] | None:
    file = folder / "label.labels.txt"
    return tuple(file.read_text(encoding="utf-8").splitlines()) if file.is_file() else None


def _root(data_dir: Any) -> Path:
    return Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def _prepared(root: Path, name: str) -> Path | None:
    """Return the folder of the newest prepared version, or None; an unfinished one has another kind of name."""
    folders = [info.parent for info in (root / name).glob("*/dataset_info.json")]
    folders = [folder for folder in folders if re.fullmatch(r"\d+\.\d+\.\d+", folder.name)]
    return max(folders, key=lambda folder: tuple(map(int, folder.name.split("."))), default=None)


def _read_prepared(folder: Path) -> Parts:
    keep_off_gpus()
    import tensorflow_datasets as tfds

    splits = []
    builder: Any = tfds.builder_from_directory(str(folder))
    for split in ("train", "test"):
        # One tensor for the whole split; files are read in order unless shuffling is asked for.
        columns = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        splits.append(Split(columns["image"], columns["label"].astype(np.int64)))
    return Parts(splits[0], None, splits[1])


def _read_imagenet(folder: Path, size: tuple[int, int], resize: str) -> Parts:
    keep_off_gpus()
    import tensorflow_datasets as tfds

    builder: Any = tfds.builder_from_directory(str(folder))
    splits = []
    for split in ("train", "validation"):  # the labels of "test" were never published
        info = builder.info.splits[split]
        splits.append(read_tfrecords([str(path) for path in info.filepaths], info.shard_lengths, size, resize))
    return Parts(splits[0], None, splits[1])
