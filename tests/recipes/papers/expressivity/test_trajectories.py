"""Trajectories in random networks: lengths and sign changes against NumPy, growth against its bounds."""

import json
import math

import keras
import numpy as np
import pytest
from experiments import REPORT, cells, files

from zoo import probes
from zoo.recipes.experiments.experiment import find
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.papers.expressivity.trajectories import _lengths, _population, printed_base, proportionality, slope


def smoke_settings(name, **given):
    return {**find(name).settings["smoke"], **given}


def images(model, curve, points):
    """Trajectory in every layer by NumPy, `(points, networks, units)`, the readout's last."""
    z, found = curve(np.linspace(0, 1, points)), []
    kernels = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
    for number, kernel in enumerate(kernels, 1):
        h = np.einsum("pni,niu->pnu" if z.ndim == 3 else "pi,niu->pnu", z, kernel, optimize=True)
        z = np.clip(h, -1, 1) if number < len(kernels) else h
        found.append(z)
    return found


def test_lengths_and_sign_changes_are_those_of_a_fine_sampling_in_numpy():
    settings, point = smoke_settings("expressivity-fig2", tolerance=0.01), {"width": 6, "sigma_w2": 8.0}
    rows = _lengths(settings, point, 3, None, count=True)
    model, curve = _population(settings, point, 3)
    layers = images(model, curve, 40_001)
    lengths = np.stack([np.linalg.norm(np.diff(z, axis=0), axis=-1).sum(axis=0) for z in layers[:-1]], axis=1)
    signs = np.stack([np.diff(z > 0, axis=0).sum(axis=(0, 2)) / 6 for z in layers[1:]], axis=1)
    assert len(rows) == 2
    for network, row in enumerate(rows):
        assert row["network"] == network
        np.testing.assert_allclose(row["lengths"], lengths[network], rtol=0.02)
        np.testing.assert_allclose(row["transitions"], signs[network], atol=0.4)
        assert row["growth"] == pytest.approx(np.divide(row["lengths"][1:], row["lengths"][:-1]))
        assert row["change"] < 0.02


def test_the_trajectory_is_a_quarter_of_a_circle():
    _, curve = _population(smoke_settings("expressivity-fig1"), {"width": 9, "sigma_w2": 4.0}, 0)
    x = curve(np.linspace(0, 1, 101))
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 3, rtol=1e-5)
    assert x[0] @ x[-1] == pytest.approx(0, abs=1e-5)


def test_without_saturation_the_growth_is_the_upper_bound():
    settings = smoke_settings("expressivity-fig1", networks=40)
    growth = np.array([row["growth"] for row in _lengths(settings, {"width": 16, "sigma_w2": 0.01}, 0, None)])
    bound = probes.length_growth(16, 0.1).upper
    np.testing.assert_allclose(growth.mean(axis=0), bound, atol=5 * growth.std() / math.sqrt(40))


def test_wide_networks_grow_within_the_bounds_and_what_is_added_joins_the_report(tmp_path):
    more = {"widths": [64], "networks": 3}
    reproduce("expressivity-fig1", tmp_path, budget="smoke", settings={**more, "sigma_w2s": [16.0]})
    rows = reproduce("expressivity-fig1", tmp_path, budget="smoke", settings={**more, "sigma_w2s": [16.0, 2.0]})
    assert [(row["sigma_w2"], row["network"]) for row in rows] == [(v, i) for v in (16.0, 2.0) for i in range(3)]
    for row in rows:
        bounds = probes.length_growth(64, math.sqrt(row["sigma_w2"]))
        assert bounds.lower < slope(row["lengths"]) < bounds.upper
    assert (tmp_path / "table.md").read_text().count("| yes ") == 2
    assert files(tmp_path) == REPORT


def test_a_random_hyperplane_is_crossed_once_per_half_turn_about_the_origin():
    settings, point = smoke_settings("expressivity-fig2", networks=24, depth=2), {"width": 32, "sigma_w2": 16.0}
    transitions = np.array([row["transitions"] for row in _lengths(settings, point, 0, None, count=True)])
    layers = images(*_population(settings, point, 0), 3001)[:-1]
    directions = [z / np.linalg.norm(z, axis=-1, keepdims=True) for z in layers]
    turns = np.stack([np.linalg.norm(np.diff(u, axis=0), axis=-1).sum(axis=0) for u in directions], axis=1) / math.pi
    error = (transitions - turns).std(axis=0, ddof=1) / math.sqrt(24)
    assert (error < 0.05 * turns.mean(axis=0)).all()
    assert (np.abs((transitions - turns).mean(axis=0)) < 4 * error).all()


def test_the_table_has_the_fit_of_the_means_over_networks(tmp_path):
    rows = reproduce("expressivity-fig2", tmp_path, budget="smoke", settings={"widths": [16]})
    x = np.mean([row["lengths"] for row in rows], axis=0) / 4
    y = np.mean([row["transitions"] for row in rows], axis=0)
    found = [float(cell) for cell in cells((tmp_path / "table.md").read_text())[-1][2:5]]
    residual, about = y - x * (x @ y) / (x @ x), y - y.mean()
    expected = [x @ y / (x @ x), 1 - residual @ residual / (about @ about), np.polyfit(np.log(x), np.log(y), 1)[0]]
    assert found == pytest.approx(expected, rel=1e-3)


def test_a_trajectory_may_become_a_point(tmp_path):
    for name in ("expressivity-fig1", "expressivity-fig2"):
        reproduce(name, tmp_path / name, budget="smoke", settings={"networks": 1, "widths": [8]})
        rows = [json.loads(line) for line in (tmp_path / name / "results.jsonl").read_text().splitlines()]
        rows[0] |= {"lengths": [1.5, 0.0, 0.0], "growth": [0.0, None], "transitions": [0.0, 0.0, 0.0]}
        find(name).report(rows, tmp_path / name)
    assert "0 of 1" in (tmp_path / "expressivity-fig1" / "table.md").read_text()


def test_the_printed_base_is_beside_the_bounds(tmp_path):
    given = {"widths": [16], "sigma_w2s": [4.0], "networks": 3}
    rows = reproduce("expressivity-fig1", tmp_path, budget="smoke", settings=given)
    found = dict(zip(*cells((tmp_path / "table.md").read_text()), strict=True))
    base = np.sqrt(2 * 16 / (2 + 16))
    assert printed_base(16, 2.0) == pytest.approx(base)
    assert float(found["printed base"]) == pytest.approx(base, rel=1e-3)
    growth = np.mean([slope(row["lengths"]) for row in rows])
    assert float(found["growth / base"]) == pytest.approx(growth / base, abs=1e-3)


@pytest.mark.backend_free
def test_fits():
    assert slope([1.0, 5.0, 10.0, 20.0]) == pytest.approx(2)
    assert slope([1.0, 3.0, 6.0, 12.0, 24.0]) == pytest.approx(2)
    assert math.isnan(slope([1.0, 0.0]))
    x = np.array([1.0, 2.0, 4.0])
    assert proportionality(x, 3 * x) == pytest.approx((3, 1, 1))
    c, fit, exponent = proportionality(x, x**2)
    assert (c, exponent) == pytest.approx((73 / 21, 2))
    assert fit == pytest.approx(1 - np.sum((x**2 - 73 / 21 * x) ** 2) / np.sum((x**2 - 7) ** 2))


@pytest.mark.parametrize("name", ["expressivity-fig1", "expressivity-fig2"])
@pytest.mark.parametrize(
    ("key", "value"),
    [("widths", [1]), ("widths", [0]), ("sigma_w2s", [0.0]), ("depth", 1), ("tolerance", 0.0), ("points", 1)],
)
def test_bad_settings_are_named(tmp_path, name, key, value):
    with pytest.raises(ValueError, match=f"`{key}` must be"):
        reproduce(name, tmp_path, budget="smoke", settings={key: value})
