"""Learned ball in small."""

import numpy as np
import pytest
from experiments import files

from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.papers.coin_flipping.trained_ball import _ball


@pytest.mark.backend_free
def test_half_of_the_points_are_inside_the_ball_in_any_dimension():
    for dim in (1, 50):
        x, y = _ball(dim, 4000, 3)
        norm = np.linalg.norm(x, axis=1)
        np.testing.assert_array_equal(y, norm > 1)
        assert norm.max() < 2
        assert abs(y.mean() - 0.5) < 5 * 0.5 / np.sqrt(4000)
        assert np.abs(x.mean(axis=0)).max() < 5 * 2 / np.sqrt(4000)


@pytest.mark.every_backend
def test_a_run_has_a_row_per_number_of_flips_and_goes_on_where_it_stopped(tmp_path):
    rows = reproduce("ball-trained", tmp_path, budget="smoke")
    assert [(row["method"], row["flips"]) for row in rows] == [
        ("stochastic", 1),
        ("stochastic", 11),
        ("deterministic", None),
    ]
    assert all(0 <= row["error"] < 0.7 for row in rows)
    assert [row["parameters"] for row in rows] == [2 * (2 * 2 + 2 * 2)] * 2 + [2 * 2 + 2 + 2 * 2 + 2]
    assert files(tmp_path) == ["figure.png", "flips.png", "results.jsonl", "settings.json", "table.md"]
    more = reproduce("ball-trained", tmp_path, budget="smoke", settings={"dims": [2, 3], "methods": ["deterministic"]})
    assert more[:3] == rows
    assert [row["dim"] for row in more[3:]] == [3]
    assert "## dim 3" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize(("key", "value"), [("scale", 0.0), ("methods", ["none"]), ("dims", [0])])
def test_bad_settings_are_named(tmp_path, key, value):
    with pytest.raises(ValueError, match=f"`{key}` must be"):
        reproduce("ball-trained", tmp_path, budget="smoke", settings={key: value})
