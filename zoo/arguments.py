"""Argument checks shared by builders and data."""

import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def check_images(input_shape: Any, classes: Any) -> None:
    """Raise a `ValueError` unless these are images from 8x8x1 up and at least two classes."""
    sizes = tuple(input_shape) if isinstance(input_shape, tuple | list) else ()
    if len(sizes) != 3 or any(not isinstance(n, int) for n in sizes) or min(sizes[:2]) < 8 or sizes[2] < 1:
        raise ValueError(f"`input_shape` must be (height, width, channels) from (8, 8, 1) up. Received: {input_shape}")
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(f"`classes` must be an int >= 2. Received: classes={classes!r}")


def check_batch(images: Any) -> None:
    """Raise a `ValueError` unless this is a batch of images, `(n, h, w, c)`."""
    if images.ndim != 4:
        raise ValueError(f"`images` must have shape (n, h, w, c). Received: images.shape={images.shape}")


def natural(name: str, value: Any, minimum: int = 0) -> int:
    """`value` as an int that is one word of a `SeedSequence`, or a `ValueError` that names the argument."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not minimum <= int(value) < 2**32:
        raise ValueError(f"`{name}` must be an int in [{minimum}, 2**32). Received: {name}={value!r}")
    return int(value)


def as_numbers(name: str, value: ArrayLike) -> np.ndarray:
    """`value` as a float array, or a `ValueError` that names the argument if it holds anything but numbers."""
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"`{name}` must be a number or an array of numbers. Received: {name}={value!r}") from None


def finite_numbers(name: str, value: ArrayLike) -> np.ndarray:
    """As `as_numbers`, without infinities and NaN."""
    array = as_numbers(name, value)
    if not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be finite. Received: infinities or NaN in an array of shape {array.shape}")
    return array
