"""Curves of inputs, as the points on them."""

import numpy as np
from numpy.typing import ArrayLike

from zoo.layers.arguments import as_numbers, finite_float, finite_numbers, positive_int


def great_circle(x0: ArrayLike, x1: ArrayLike, points: int | ArrayLike, turns: float = 0.25) -> np.ndarray:
    """Points cos(t) x0 + sin(t) x1 at equal steps of t from 0 to 2 pi `turns`.

    The curve is an arc of a circle if x0 and x1 are orthogonal and of one length.

    Args:
        x0: Array of any shape, the beginning.
        x1: Array of the same shape, the point after a quarter of a turn.
        points: Int >= 2, the number of points at equal steps, ends included; or an array `(points,)` of positions
            from 0, the beginning, to 1.
        turns: Part of the circle; 1 closes it.

    Returns:
        float32 array `(points, *shape)`.

    Raises:
        ValueError: If the ends are not finite numbers or differ in shape, `points` is below 2 or a position is not
            in [0, 1].

    Reference: On the Expressive Power of Deep Neural Networks, sections 2.2 and 2.4.

    Example:
        >>> probes.great_circle([1, 0], [0, 1], points=3).round(2)
        array([[1.  , 0.  ],
               [0.71, 0.71],
               [0.  , 1.  ]], dtype=float32)
    """
    ends, t = _ends(x0, x1), 2 * np.pi * finite_float("turns", turns) * _steps(points)
    return np.tensordot(np.stack([np.cos(t), np.sin(t)], axis=1), ends, axes=1).astype("float32")


def line(x0: ArrayLike, x1: ArrayLike, points: int | ArrayLike) -> np.ndarray:
    """Points at equal steps on the straight way from x0 to x1, ends included.

    Args:
        x0: Array of any shape, the beginning.
        x1: Array of the same shape, the end.
        points: Int >= 2, or an array `(points,)` of positions in [0, 1], see `great_circle`.

    Returns:
        float32 array `(points, *shape)`.

    Raises:
        ValueError: If the ends are not finite numbers or differ in shape, `points` is below 2 or a position is not
            in [0, 1].

    Example:
        >>> probes.line([0, 0], [2, 4], points=3)
        array([[0., 0.],
               [1., 2.],
               [2., 4.]], dtype=float32)
    """
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
