"""Curves of inputs, as the points on them."""

import numpy as np
from numpy.typing import ArrayLike

from zoo.layers.arguments import as_numbers, finite_float, finite_numbers, positive_int


def great_circle(x0: ArrayLike, x1: ArrayLike, points: int | ArrayLike, turns: float = 0.25) -> np.ndarray:
    """cos(t) x0 + sin(t) x1 at equal steps of t from 0 to 2 pi `turns`: an arc, of orthogonal vectors of one length.

    Args:
        x0: Where it begins, an array of any shape.
        x1: Of the same shape, where it is after a quarter of a turn.
        points: Int >= 2 of equal steps, or an array `(points,)` of positions from 0, where it begins, to 1.
        turns: Part of the circle; 1 closes it.

    Returns:
        float32 array `(points, *shape)`.

    Raises:
        ValueError: If the ends are no finite numbers or differ in shape, `points` is below 2 or a position is not in
            [0, 1].

    Reference: On the Expressive Power of Deep Neural Networks, sections 2.2 and 2.4.
    """
    ends, t = _ends(x0, x1), 2 * np.pi * finite_float("turns", turns) * _steps(points)
    return np.tensordot(np.stack([np.cos(t), np.sin(t)], axis=1), ends, axes=1).astype("float32")


def line(x0: ArrayLike, x1: ArrayLike, points: int | ArrayLike) -> np.ndarray:
    """The straight way from x0 to x1, ends included; arguments, result and errors as of `great_circle`."""
    t = _steps(points)
    return np.tensordot(np.stack([1 - t, t], axis=1), _ends(x0, x1), axes=1).astype("float32")


def _steps(points: int | ArrayLike) -> np.ndarray:
    if isinstance(points, np.ndarray | list | tuple):
        positions = as_numbers("points", points)
        if positions.ndim != 1 or not len(positions) or not ((positions >= 0) & (positions <= 1)).all():
            raise ValueError(f"`points` must be positions in [0, 1]. Received: points={points!r}")
        return positions
    count = positive_int("points", points)
    if count < 2:
        raise ValueError(f"`points` must be at least 2. Received: points={points!r}")
    return np.linspace(0, 1, count)


def _ends(x0: ArrayLike, x1: ArrayLike) -> np.ndarray:
    first, last = finite_numbers("x0", x0), finite_numbers("x1", x1)
    if first.shape != last.shape:
        raise ValueError(f"`x1` must have the shape of `x0`, {first.shape}. Received: x1.shape={last.shape}")
    return np.stack([first, last])
