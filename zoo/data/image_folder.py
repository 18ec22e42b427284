"""Image files in folders, root/train/CLASS and root/val/CLASS, as ImageNet is commonly laid out."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.lazy_images import LazyImages
from zoo.data.split import Split

_ENDINGS = (".jpg", ".jpeg", ".png")


def read_image_folder(root: Path, size: int) -> tuple[Split, None, Split]:
    """Train, None and `val` as the test split; only names are read, images when they are asked for.

    Labels are the sorted names of the class folders, 0 to C-1. Files in order of their names; those with other endings
    than .jpg, .jpeg or .png (in any case) and all names that begin with a dot are left out. What is no regular file is
    refused when it is read.

    Raises:
        FileNotFoundError: If `root` has no folder `train` or `val`.
        ValueError: If one of them has no classes, a class has no images, or they have different classes.
    """
    classes = class_folders(root, "train")
    others = class_folders(root, "val")
    if classes != others:
        different = sorted(set(classes) ^ set(others))
        raise _refusal(root / "val", "the classes of train", f"in one of them only: {', '.join(different[:5])}")
    return _split(root / "train", classes, size), None, _split(root / "val", classes, size)


def class_folders(root: Path, part: str) -> list[str]:
    """Return the names of the classes in the order of their numbers; errors as `read_image_folder`."""
    if not (root / part).is_dir():
        raise FileNotFoundError(
            f"`name` must be a folder with train/CLASS and val/CLASS. Missing: {str(root / part)!r}"
        )
    with os.scandir(root / part) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    if not names:
        raise _refusal(root / part, "a folder per class", "none")
    return names


def _split(folder: Path, classes: list[str], size: int) -> Split:
    files: list[str] = []
    counts = []
    for name in classes:
        found = sorted(file for file in os.listdir(folder / name) if _is_image(file))
        if not found:
            raise _refusal(folder / name, f"at least one image ({', '.join(_ENDINGS)})", "none")
        files += [os.path.join(folder, name, file) for file in found]
        counts.append(len(found))
    where = np.zeros((len(files), 3), np.int64)
    where[:, 0], where[:, 2] = np.arange(len(files)), -1
    return Split(LazyImages(files, where, size), np.repeat(np.arange(len(classes)), counts))


def _is_image(name: str) -> bool:
    return name.lower().endswith(_ENDINGS) and not name.startswith(".")


def _refusal(folder: Path, allowed: str, received: Any) -> ValueError:
    return ValueError(f"{str(folder)!r} must hold {allowed}. Received: {received}")
