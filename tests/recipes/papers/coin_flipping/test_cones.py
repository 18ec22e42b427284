"""Maps of the cone classifier in the plane."""

import pytest
from experiments import files

from zoo.recipes.experiments.reproduce import reproduce


def test_maps_get_better_with_flips(tmp_path):
    rows = reproduce("cones", tmp_path, budget="smoke", settings={"samples": [1, 3001], "resolution": 9})
    assert files(tmp_path) == ["figure.png", "maps.png", "results.jsonl", "settings.json", "table.md"]
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


def test_waves_are_above_and_below_the_sine(tmp_path):
    given = {"function": "waves", "samples": [3001], "resolution": 9}
    (row,) = reproduce("cones", tmp_path, budget="smoke", settings=given)
    assert row["error"] < 0.1
    assert [line[4] for line in row["map"]][:4] == ["0"] * 4  # x_1 = 0: below the origin, then above
    assert [line[4] for line in row["map"]][5:] == ["1"] * 4
