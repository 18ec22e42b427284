import pytest

from recipes.reproduce import reproduce


def test_maps_get_better_with_flips(tmp_path):
    rows = reproduce("cones", tmp_path, budget="smoke", settings={"samples": [1, 3001], "resolution": 9})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.png", "maps.png", "results.jsonl", "table.md"]
    errors = {row["samples"]: row["error"] for row in rows}
    assert errors[3001] < 0.1 < errors[1]
    decided = rows[-1]["map"]
    assert [len(row) for row in decided] == [9] * 9
    assert decided[4][4] == "0"  # the origin is in the ball, corners are not
    assert {decided[0][0], decided[0][8], decided[8][0], decided[8][8]} == {"1"}


def test_bad_settings_are_named(tmp_path):
    for key, value in (("zeta", "cauchy"), ("spread", 0.0), ("samples", [0]), ("resolution", 0)):
        with pytest.raises(ValueError, match=f"`{key}` must be"):
            reproduce("cones", tmp_path, budget="smoke", settings={key: value})
