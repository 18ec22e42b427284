"""Argument checks shared by the layers: one wording for every refusal."""

import difflib
import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def int_where(name: str, value: Any, holds: Callable[[int], bool], allowed: str) -> int:
    """Return `value` as an int, or raise a `ValueError` that says what is allowed unless `holds(value)`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not holds(int(value)):
        raise ValueError(f"`{name}` must be {allowed}. Received: {name}={value!r}")
    return int(value)


def float_where(name: str, value: Any, holds: Callable[[float], bool], allowed: str) -> float:
    """Return `value` as a float, or raise a `ValueError` that says what is allowed unless `holds(value)`."""
    try:
        good = isinstance(value, numbers.Real) and not isinstance(value, bool) and holds(float(value))
    except OverflowError:  # an int that no float holds
        good = False
    if not good:
        raise ValueError(f"`{name}` must be {allowed}. Received: {name}={value!r}")
    return float(value)


def positive_int(name: str, value: Any) -> int:
    """Return `value` as an int, or raise a `ValueError` that names the argument if it is not an int >= 1."""
    return int_where(name, value, lambda n: n >= 1, "a positive int")


def proper_fraction(name: str, value: Any) -> float:
    """Return `value` as a float, or raise a `ValueError` that names the argument if it is outside [0, 1)."""
    return float_where(name, value, lambda x: 0 <= x < 1, "in [0, 1)")


def boolean(name: str, value: Any) -> bool:
    """Return `value`, or raise a `ValueError` that names the argument if it is not a bool."""
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be a bool. Received: {name}={value!r}")
    return value


def one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Return `value`, or raise a `ValueError` that lists what is allowed."""
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, allowed))}. Received: {name}={value!r}")
    return value


def positive_float(name: str, value: Any) -> float:
    """Return `value` as a float, or raise a `ValueError` that names the argument if it is not finite and positive."""
    return float_where(name, value, lambda x: 0 < x < math.inf, "a positive float")


def non_negative_float(name: str, value: Any) -> float:
    """Return `value` as a float, or raise a `ValueError` that names the argument if it is not finite and >= 0."""
    return float_where(name, value, lambda x: 0 <= x < math.inf, "a float >= 0")


def probability(name: str, value: Any) -> float:
    """Return `value` as a float, or raise a `ValueError` that names the argument if it is outside [0, 1]."""
    return float_where(name, value, lambda x: 0 <= x <= 1, "in [0, 1]")


def finite_float(name: str, value: Any) -> float:
    """Return `value` as a float, or raise a `ValueError` that names the argument if it is not a finite number."""
    return float_where(name, value, math.isfinite, "a finite number")


def row_size(layer: str, takes: str, shape: Any, multiple_of: int = 1) -> int:
    """Return the size of one shape `(rows, size)`, or raise a `ValueError` that says what the layer takes."""
    if len(shape) != 2 or not isinstance(shape[1], int) or shape[1] % multiple_of:
        raise ValueError(f"{layer} takes {takes}. Received: input_shape={shape}")
    return shape[1]


def int_at_least(name: str, value: Any, minimum: int = 0) -> int:
    """Return `value` as an int in [minimum, 2**32), or raise a `ValueError` that names the argument."""
    return int_where(name, value, lambda n: minimum <= n < 2**32, f"an int in [{minimum}, 2**32)")


def as_numbers(name: str, value: ArrayLike) -> np.ndarray:
    """Return `value` as a float array, or raise a `ValueError` that names the argument if it holds no numbers."""
    try:
        array = np.asarray(value)
        objects = array.flat if array.dtype.kind == "O" else ()
        if array.dtype.kind not in "biufOV" or any(isinstance(one, str | bytes) for one in objects):
            raise ValueError  # NumPy would read the text "0.5" as a number; bfloat16 is of kind V
        return np.asarray(array, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"`{name}` must be a number or an array of numbers. Received: {name}={value!r}") from None


def finite_numbers(name: str, value: ArrayLike) -> np.ndarray:
    """Return `value` as a float array, or raise a `ValueError` if it holds infinities, NaN or anything but numbers."""
    array = as_numbers(name, value)
    if not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be finite. Received: infinities or NaN in an array of shape {array.shape}")
    return array


def check_known(argument: str, value: str, known: Iterable[str]) -> None:
    """Raise a `ValueError` that lists what is allowed and shows the nearest match if `value` is not among `known`."""
    known = sorted(known)
    if value not in known:
        allowed = ", ".join(known) or "none"
        raise ValueError(
            f"Unknown {argument}.{did_you_mean(value, known)} Allowed: {allowed}. Received: {argument}={value!r}"
        )


def did_you_mean(value: object, known: Iterable[str]) -> str:
    """Return a sentence, with a space before it, of the known name that is nearest to `value`; "" if none is near."""
    nearest = difflib.get_close_matches(str(value).lower(), list(known), n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def ints_at_least(name: str, value: ArrayLike, minimum: int) -> np.ndarray:
    """Return `value` as an array of ints >= `minimum`, or raise a `ValueError` that names the argument."""
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.integer) or (array < minimum).any():
        raise ValueError(f"`{name}` must be ints >= {minimum}. Received: {name}={value!r}")
    return array.astype(np.int64)  # sums and products of small ints are not
