"""JSON that others may have written, compared with the form that its reader relies on."""

from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple


class Where(NamedTuple):
    """A form of values for which a condition holds.

    Attributes:
        allowed: What is allowed, in words.
        holds: Tells whether a value is.
    """

    allowed: str
    holds: Callable[[Any], bool]


def check_structure(value: Any, form: Any, where: str) -> None:
    """Raise a `ValueError` unless parsed JSON has a form.

    Args:
        value: What `json.loads` returned.
        form: A type (a bool is no int); `Where`; `[form]`, a list of such values; `{key: form}`, an object with these
            keys and no others; or a function that chooses one of these for a value.
        where: Name of the value, for the error's message.

    Example:
        >>> check_structure({"shape": [3, 4]}, {"shape": [int]}, "row")
    """
    if isinstance(form, FunctionType):
        form = form(value)
    if isinstance(form, dict):
        whole = isinstance(value, dict) and value.keys() == form.keys()
        _demand(whole, value, f"an object of {', '.join(form)}", where)
        for key, inner in form.items():
            check_structure(value[key], inner, f"{where}.{key}")
    elif isinstance(form, list):
        _demand(isinstance(value, list), value, "a list", where)
        for index, one in enumerate(value):
            check_structure(one, form[0], f"{where}[{index}]")
    elif isinstance(form, Where):
        _demand(form.holds(value), value, form.allowed, where)
    else:
        _demand(isinstance(value, form) and type(value) is not bool, value, f"of type {form.__name__}", where)


def _demand(holds: bool, value: Any, allowed: str, where: str) -> None:
    if not holds:
        shown = repr(value)
        raise ValueError(f"`{where}` must be {allowed}. Received: {shown if len(shown) <= 80 else shown[:80] + '...'}")
