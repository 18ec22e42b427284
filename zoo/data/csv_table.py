"""A table of image files and their labels, as a .csv file."""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.named_classes import numbered
from zoo.data.parts import Parts
from zoo.data.split import Split

_PARTS = {"train": "train", "val": "val", "validation": "val", "test": "test"}


def read_csv(path: Path, names: tuple[str, ...] | None) -> tuple[Parts, list[str]]:
    """List the files of a table and their labels; the images are not read.

    Args:
        path: A file in UTF-8 with the columns `file`, relative to its folder or absolute, and `label`, texts or ints;
            optionally `split`: train, val (or validation) or test. Other columns are passed over.
        names: Names of the classes in the order of their numbers, or None.

    Returns:
        Splits whose `x` are rows of the paths, and these paths; without the column `split` everything is train.

    Raises:
        FileNotFoundError: If the table or one of its files is missing.
        ValueError: If a column or a value is missing, a label is none of `names`, a file is in two splits, has two
            labels or is listed twice where examples of train will be held out, or there is nothing to train on.
    """
    if not path.is_file():
        raise FileNotFoundError(f"`name` must be the path of an existing .csv file. Received: name={str(path)!r}")
    rows = _rows(path)
    files, parts = [], []
    first: dict[str, tuple[int, str, str]] = {}  # file -> its line, split and label
    again: list[tuple[int, int, str]] = []
    for line, row in rows:
        file = os.path.join(path.parent, row["file"])
        if not os.path.exists(file):
            raise FileNotFoundError(f"`file` in line {line} of {str(path)!r} must exist. Received: {row['file']!r}")
        part = _PARTS.get(row.get("split", "train").lower(), "")
        if not part:
            raise _refusal("split", line, path, "train, val, validation or test", row["split"])
        before, other, label = first.setdefault(os.path.realpath(file), (line, part, row["label"]))
        if other != part:
            raise _refusal("split", line, path, f"{other}, as in line {before} of this file", row["split"])
        if label != row["label"]:
            raise _refusal("label", line, path, f"{label!r}, as in line {before} of this file", row["label"])
        again += [(line, before, row["file"])] if line != before else []
        files.append(file)
        parts.append(part)
    if again and not {"val", "test"} <= set(parts):
        line, before, file = again[0]
        raise _refusal("file", line, path, f"another one than in line {before}: one of the two may be held out", file)
    labels = [row["label"] for _, row in rows]
    y, names = numbered(labels, names, lambda index: f"`label` in line {rows[index][0]} of {str(path)!r}")
    splits = {}
    for part in dict.fromkeys(parts):
        chosen = np.flatnonzero(np.array(parts) == part)
        splits[part] = Split(chosen, y[chosen], names)
    if "train" not in splits:
        raise ValueError(f"`split` in {str(path)!r} must be train in at least one line. Received: {', '.join(splits)}")
    return Parts(splits["train"], splits.get("val"), splits.get("test")), files


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Number of the line and stripped values of every row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = [str(name).strip() for name in reader.fieldnames or []]
            for wanted in ("file", "label"):
                if wanted not in columns:
                    raise ValueError(
                        f"{str(path)!r} must have the columns file and label. Received: columns {', '.join(columns)}"
                    )
            reader.fieldnames = columns
            rows = [(reader.line_num, row) for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{str(path)!r} must be a table in UTF-8. Received: {type(error).__name__}: {error}") from None
    stripped = []
    for line, row in rows:
        wanted = [key for key in ("file", "label", "split") if key in columns]
        values = {key: (row[key] or "").strip() for key in wanted}
        for key, value in values.items():
            if not value:
                raise _refusal(key, line, path, "there", "nothing")
        stripped.append((line, values))
    if not stripped:
        raise ValueError(f"{str(path)!r} must have at least one row. Received: none")
    return stripped


def _refusal(key: str, line: int, path: Path, allowed: str, received: Any) -> ValueError:
    return ValueError(f"`{key}` in line {line} of {str(path)!r} must be {allowed}. Received: {received!r}")
