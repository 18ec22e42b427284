"""Groups of rows."""

import pytest

from zoo.recipes.reporting.rows import group_by

pytestmark = pytest.mark.backend_free
ROWS = [{"a": 2, "b": "x"}, {"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 2, "b": "x", "c": 0}]


def test_groups_and_their_rows_stay_in_order():
    assert group_by([], "a") == {}
    assert list(group_by(ROWS, "a").items()) == [(2, [ROWS[0], ROWS[2], ROWS[3]]), (1, [ROWS[1]])]
    assert group_by(ROWS, "b", "a") == {("x", 2): [ROWS[0], ROWS[3]], ("x", 1): [ROWS[1]], ("y", 2): [ROWS[2]]}


def test_every_row_must_have_the_keys():
    with pytest.raises(KeyError, match="c"):
        group_by(ROWS, "c")
