"""Cases of a table, of which only some run on JAX."""

from collections.abc import Iterable
from typing import Any

import pytest


def few_on_jax(cases: Iterable[Any], *kept: Any, unpack: bool = False) -> list[Any]:
    """Cases for `parametrize`: JAX runs those that are named, which keep the same law for less time.

    `unpack` is for cases of several arguments.
    """
    cases = list(cases)
    assert set(kept) <= set(cases), kept
    values = {case: case if unpack else (case,) for case in cases}
    marks = {case: () if case in kept else pytest.mark.on_tensorflow for case in cases}
    return [pytest.param(*values[case], marks=marks[case]) for case in cases]
