"""Cases of a table, of which only some run on JAX."""

from collections.abc import Iterable
from typing import Any

import pytest


def few_on_jax(cases: Iterable[Any], *kept: Any) -> list[Any]:
    """Cases for `parametrize`: JAX runs those that are named, which keep the same law for less time."""
    cases = list(cases)
    assert set(kept) <= set(cases), kept
    return [case if case in kept else pytest.param(case, marks=pytest.mark.on_tensorflow) for case in cases]
