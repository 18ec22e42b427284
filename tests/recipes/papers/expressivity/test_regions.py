"""Activation patterns against signs in NumPy and against the arrangement of lines."""

import itertools

import numpy as np
import pytest
from experiments import REPORT, files

from zoo.recipes.experiments.reproduce import reproduce


def patterns(rows, side, resolution):
    """Signs of W x + b of all units at the points of the grid, layer by layer."""
    axis = np.linspace(-side, side, resolution)
    z, found = np.array(list(itertools.product(axis, axis))), []
    for row in rows:
        h = z @ np.array(row["kernel"]) + row["bias"]
        found.append(h > 0)
        z = np.maximum(h, 0)
    return found


def regions(kernel, bias, side):
    """Regions of lines in general position in a square: one, one more per line that meets it and per crossing in it."""
    lines = list(zip(np.array(kernel).T, bias, strict=True))
    meet = sum(abs(b) < side * np.abs(w).sum() for w, b in lines)
    crossings = [np.linalg.solve(np.stack([v, w]), [-a, -b]) for (v, a), (w, b) in itertools.combinations(lines, 2)]
    return 1 + meet + sum(np.abs(x).max() < side for x in crossings)


def test_patterns_are_those_of_the_signs_in_numpy(tmp_path):
    chosen = {"resolution": 120, "repetitions": 3}
    rows = reproduce("expressivity-fig3", tmp_path, budget="smoke", settings=chosen)
    assert [(row["repetition"], row["layers"]) for row in rows] == list(itertools.product(range(3), (1, 2, 3)))
    for r in range(3):
        run = rows[3 * r : 3 * r + 3]
        signs = patterns(run, 4.0, 120)
        found = [len(np.unique(np.concatenate(signs[:n], axis=1), axis=0)) for n in (1, 2, 3)]
        assert [row["patterns"] for row in run] == pytest.approx(found, abs=1)  # a point may lie on a boundary
        assert [row["bound"] for row in run] == [11, 121, 1331]
        assert all(row["patterns"] <= row["bound"] for row in run)
    assert files(tmp_path) == REPORT


def test_first_layer_is_an_arrangement_of_lines(tmp_path):
    chosen = {"depth": 1, "resolution": 1001, "repetitions": 6}
    rows = reproduce("expressivity-fig3", tmp_path, budget="smoke", settings=chosen)
    exact = [regions(row["kernel"], row["bias"], 4.0) for row in rows]
    assert len(set(exact)) > 1
    missed = np.array(exact) - [row["patterns"] for row in rows]
    assert (missed >= 0).all()
    assert (missed == 0).sum() >= 5  # a region may be smaller than the grid's cells


@pytest.mark.backend_free
def test_in_general_position_four_lines_have_eleven_regions():
    kernel = np.random.default_rng(0).normal(size=(2, 4))
    assert regions(kernel, [1.0, -0.5, 0.3, 0.8], 1e4) == 11


@pytest.mark.parametrize(("key", "value"), [("sigma_b", 0.0), ("sigma_w", 0.0), ("side", 0.0), ("resolution", 1)])
def test_bad_settings_are_named(tmp_path, key, value):
    with pytest.raises(ValueError, match=f"`{key}` must be"):
        reproduce("expressivity-fig3", tmp_path, budget="smoke", settings={key: value})
