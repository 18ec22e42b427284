"""Repeated rows: which tensors hold each row of another one several times in a row.

A layer that is called on them computes once what depends on a row alone. Only the very tensor that `repeated` returned
is known: one that another layer has made of it is not.
"""

import weakref
from typing import Any

from keras import ops

# By the tensor's id; held weakly, as a tensor in the graph of a function keeps the graph alive.
_KNOWN: dict[int, tuple[weakref.ref, weakref.ref, Any]] = {}


def repeated(x, times):
    """Repeat every row `times` times, an int or an int tensor, in place: `(rows, ...)` to `(rows * times, ...)`."""
    y = ops.repeat(x, times, axis=0)
    key = id(y)
    _KNOWN[key] = weakref.ref(y, lambda _: _KNOWN.pop(key, None)), weakref.ref(x), times
    return y


def once(y) -> tuple[Any, Any]:
    """Return the tensor whose rows `y` repeats and how many times; `y` itself and None if that is not known."""
    found = _KNOWN.get(id(y))
    if found is None:
        return y, None
    of, source, times = found
    x = source() if of() is y else None
    return (y, None) if x is None else (x, times)
