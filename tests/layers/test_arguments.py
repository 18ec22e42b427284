"""Argument checks that no layer's own tests meet."""

from fractions import Fraction

import numpy as np
import pytest

from zoo.layers.arguments import as_numbers

pytestmark = pytest.mark.backend_free


@pytest.mark.parametrize(
    "text", ["0.5", ["0.5", "1"], ["0.5", 1], b"1", np.array(["1", 2], object), np.array("2020", "M8")]
)
def test_text_and_dates_are_no_numbers(text):
    with pytest.raises(ValueError, match="`name` must be a number or an array of numbers"):
        as_numbers("name", text)


@pytest.mark.parametrize(
    "number", [1, True, 0.5, Fraction(1, 2), [1, 0.5], np.float16(0.5), np.array([1, 0.5], object)]
)
def test_all_kinds_of_numbers_are_floats(number):
    found = as_numbers("name", number)
    assert found.dtype == float
    np.testing.assert_array_equal(found, np.vectorize(float)(number))
