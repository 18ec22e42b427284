"""Text tables: cells as they are."""

import pytest

from zoo.recipes.reporting.text_table import aligned

pytestmark = pytest.mark.backend_free


def test_texts_that_look_like_numbers_are_not_changed():
    lines = aligned([("98.50", 1), ("1e3", 10)], ["accuracy", "n"]).splitlines()
    assert [line.split() for line in (lines[0], *lines[2:])] == [["accuracy", "n"], ["98.50", "1"], ["1e3", "10"]]
    assert aligned([("98.50", 1)], ["accuracy", "n"], "github").splitlines()[0] == "| accuracy   | n   |"
