"""Probabilities and labels of any shape as rows, checked."""

import numpy as np
from numpy.typing import ArrayLike

from zoo.layers.arguments import as_numbers

ROUNDING = 1e-6  # of means in float32: a number above an end of its range, or of its bin, by less is at that end
_SUM = 1e-3  # a softmax in float16 sums to 1 within it


def labelled(probabilities: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return distributions and labels as rows, or raise a `ValueError` if they are none or do not fit.

    The shape of the labels says what the probabilities are. Labels of all axes but the last: the last axis has the
    classes. Labels of the same shape: every number is the probability of class 1 by a sigmoid unit of its own, and
    becomes a row of two classes; rows of both that all sum to 1 are classes and one-hot labels, and refused.

    Args:
        probabilities: `(..., classes)`, or of sigmoid units `(...)`.
        labels: Ints `(...)` in [0, classes); 0 and 1 or bools for sigmoid units.

    Returns:
        Floats `(rows, classes)` in [0, 1], an array of their own, and int64 `(rows,)`.

    Raises:
        ValueError: If an array is empty, holds no numbers or none of its range, or the shapes do not fit.
    """
    p, y = numbers("probabilities", probabilities), _labels(labels)
    sigmoid = p.shape == y.shape
    if not sigmoid and p.shape[:-1] != y.shape:
        raise ValueError(
            "`labels` must have the shape of `probabilities` without its last axis, the classes, or its whole shape "
            f"where each is a sigmoid unit's. Received: {y.shape} labels and {p.shape} probabilities"
        )
    if not sigmoid and p.shape[-1] < 2:
        raise ValueError(
            "`probabilities` must be of at least two classes; of a sigmoid unit they have the shape of the labels. "
            f"Received: {y.shape} labels and {p.shape} probabilities"
        )
    refuse_where(~((p >= -ROUNDING) & (p <= 1 + ROUNDING)), "probabilities", p, "in [0, 1]")
    p = np.clip(p, 0, 1)
    if sigmoid and p.ndim > 1 and p.shape[-1] > 1 and (abs(p.sum(-1) - 1) <= _SUM).all() and (y.sum(-1) == 1).all():
        raise ValueError(
            "`labels` must be numbers of classes where `probabilities` are of classes: labels.argmax(-1) of one-hot "
            f"ones. Received: {y.shape} labels and {p.shape} probabilities, both of sum 1 over the last axis"
        )
    p = np.stack([1 - p, p], axis=-1) if sigmoid else p
    sums = p.sum(axis=-1)
    refuse_where(abs(sums - 1) > _SUM, "probabilities", sums, "of sum 1 over the last axis", what="sum of ")
    if y.dtype == bool and not sigmoid:
        raise ValueError("`labels` must be ints where `probabilities` are of classes. Received: bools")
    refuse_where((y < 0) | (y >= p.shape[-1]), "labels", y, f"in [0, {p.shape[-1]})")
    return p.reshape(-1, p.shape[-1]), y.reshape(-1).astype("int64")


def numbers(name: str, value: ArrayLike) -> np.ndarray:
    """Return `value` as a float array that has elements and no NaN, or raise a `ValueError` that names the argument."""
    array = as_numbers(name, value)
    if not array.size:
        raise ValueError(f"`{name}` must not be empty. Received: {name} of shape {array.shape}")
    refuse_where(np.isnan(array), name, array, "numbers")
    return array


def refuse_where(bad: np.ndarray, name: str, array: np.ndarray, allowed: str, what: str = "") -> None:
    """Raise a `ValueError` that shows the first bad element of `array`, if there is one."""
    if bad.any():
        at = np.unravel_index(int(np.argmax(bad)), bad.shape)
        where = f"[{', '.join(map(str, at))}]" if at else ""
        raise ValueError(f"`{name}` must be {allowed}. Received: {what}{name}{where}={array[at]}")


def _labels(labels: ArrayLike) -> np.ndarray:
    array = as_numbers("labels", labels)
    if array.size and np.asarray(labels).dtype.kind not in "biu":
        raise ValueError(f"`labels` must be ints. Received: labels of dtype {np.asarray(labels).dtype}")
    return np.asarray(labels)
