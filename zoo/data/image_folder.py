"""Image files in folders: a folder per class, in folders train, val and test or without them."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.parts import Parts
from zoo.data.split import Split

ENDINGS = (".jpg", ".jpeg", ".png")
_VALIDATION = ("val", "validation")


def read_image_folder(root: Path, names: tuple[str, ...] | None) -> tuple[Parts, list[str]]:
    """List the files of a folder and their labels; only names are read.

    Labels are the places of the class folders' names in `names`, by default sorted. Files in order of their names;
    those with other endings than .jpg, .jpeg or .png (in any case) and all names that begin with a dot are left out.

    Args:
        root: Folder with `train/CLASS`, and `val/CLASS` (or `validation/CLASS`) and `test/CLASS` or one of them; or
            with the classes themselves, where everything is train.
        names: Names of the classes in the order of their numbers, or None.

    Returns:
        Splits whose `x` are rows of the paths, and these paths.

    Raises:
        FileNotFoundError: If `root` has validation or test and no train, or nothing at all.
        ValueError: If a split has no classes, a class has no images, or splits have different classes.
    """
    if not (root / "train").is_dir():
        for part in (*_VALIDATION, "test"):
            if (root / part).is_dir():
                raise FileNotFoundError(
                    f"`name` must be a folder with train/CLASS beside {part}/CLASS. Missing: {str(root / 'train')!r}"
                )
        return _listed({"train": root}, names, flat=True)
    parts = {"train": root / "train"}
    for part in (*_VALIDATION, "test"):
        if (root / part).is_dir():
            key = "test" if part == "test" else "val"
            if key in parts:
                raise ValueError(f"{str(root)!r} must hold val or validation. Received: both")
            parts[key] = root / part
    return _listed(parts, names, flat=False)


def _listed(folders: dict[str, Path], names: tuple[str, ...] | None, flat: bool) -> tuple[Parts, list[str]]:
    found = {part: _class_folders(folder, flat) for part, folder in folders.items()}
    classes = names or tuple(found["train"])
    for part, others in found.items():
        different = sorted(set(classes) ^ set(others))
        if different:
            wanted = "the classes of train" if names is None else "a folder for each of `class_names`"
            raise _refusal(folders[part], wanted, f"in one of them only: {', '.join(different[:5])}")
    files: list[str] = []
    splits = {part: _split(folder, classes, files) for part, folder in folders.items()}
    return Parts(splits["train"], splits.get("val"), splits.get("test")), files


def _class_folders(folder: Path, flat: bool) -> list[str]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    if not names and flat:
        raise FileNotFoundError(
            f"`name` must be a folder with train/CLASS, val/CLASS and test/CLASS, or with CLASS/*.png. Received: "
            f"{str(folder)!r}, which has no folders"
        )
    if not names:
        raise _refusal(folder, "a folder per class", "none")
    return names


def _split(folder: Path, classes: tuple[str, ...], files: list[str]) -> Split:
    """Split of the rows that its images get in `files`, to which they are appended."""
    first, counts = len(files), []
    for name in classes:
        found = sorted(file for file in os.listdir(folder / name) if _is_image(file))
        if not found:
            raise _refusal(folder / name, f"at least one image ({', '.join(ENDINGS)})", "none")
        files += [os.path.join(folder, name, file) for file in found]
        counts.append(len(found))
    return Split(np.arange(first, len(files)), np.repeat(np.arange(len(classes)), counts), classes)


def _is_image(name: str) -> bool:
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


def _refusal(folder: Path, allowed: str, received: Any) -> ValueError:
    return ValueError(f"{str(folder)!r} must hold {allowed}. Received: {received}")
