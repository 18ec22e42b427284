"""Argument checks shared by the layers: one wording for every refusal."""

import numbers
from typing import Any

import numpy as np


def positive_int(name: str, value: Any) -> int:
    """Return `value` as an int, or raise a `ValueError` that names the argument if it is not an int >= 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or int(value) < 1:
        raise ValueError(f"`{name}` must be a positive int. Received: {name}={value!r}")
    return int(value)


def unit_interval(name: str, value: Any) -> float:
    """Return `value` as a float, or raise a `ValueError` that names the argument if it is outside [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) < 1:
        raise ValueError(f"`{name}` must be in [0, 1). Received: {name}={value!r}")
    return float(value)


def optional_seed(name: str, value: Any) -> int | None:
    """Return `value` as an int or None, or raise a `ValueError` if it is neither None nor in [0, 2**32)."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not 0 <= int(value) < 2**32:
        raise ValueError(f"`{name}` must be None or an int in [0, 2**32). Received: {name}={value!r}")
    return int(value)


def fresh_seed(seed: int | None) -> int:
    """`seed`, or one from the system's entropy."""
    return int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed


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
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 < float(value) < float("inf"):
        raise ValueError(f"`{name}` must be a positive float. Received: {name}={value!r}")
    return float(value)


def non_negative_float(name: str, value: Any) -> float:
    """Return `value` as a float, or raise a `ValueError` that names the argument if it is not finite and >= 0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) < float("inf"):
        raise ValueError(f"`{name}` must be a float >= 0. Received: {name}={value!r}")
    return float(value)


def probability(name: str, value: Any) -> float:
    """Return `value` as a float, or raise a `ValueError` that names the argument if it is outside [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) <= 1:
        raise ValueError(f"`{name}` must be in [0, 1]. Received: {name}={value!r}")
    return float(value)


def finite_float(name: str, value: Any) -> float:
    """Return `value` as a float, or raise a `ValueError` that names the argument if it is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not abs(float(value)) < float("inf"):
        raise ValueError(f"`{name}` must be a finite number. Received: {name}={value!r}")
    return float(value)


def row_size(layer: str, takes: str, shape: Any, multiple_of: int = 1) -> int:
    """Numbers per row of one shape `(rows, size)`, or a `ValueError` that says what the layer takes."""
    if len(shape) != 2 or not isinstance(shape[1], int) or shape[1] % multiple_of:
        raise ValueError(f"{layer} takes {takes}. Received: input_shape={shape}")
    return shape[1]
