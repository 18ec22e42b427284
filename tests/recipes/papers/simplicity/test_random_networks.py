"""Searches on random networks: against networks alone, and fits against least squares."""

import math

import numpy as np
import pytest
from experiments import REPORT, cells, files, run_seed

import zoo
from zoo import probes
from zoo.recipes.experiments.experiment import find
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.papers.simplicity.binned import binned
from zoo.recipes.papers.simplicity.random_networks import adjusted, line_fit


def test_every_network_is_searched_at_a_string_of_its_own(tmp_path):
    rows = reproduce("simplicity-fig1", tmp_path, budget="smoke", settings={"bits": [6, 8]})
    assert [row["bits"] for row in rows] == [6, 8]
    own, _, strings = (int(word) for word in np.random.SeedSequence([run_seed(), 8, 4]).generate_state(3))
    options = {"dim": 8, "width": 8, "depth": 2, "activation": "relu", "sigma_w": math.sqrt(2)}
    population = zoo.build("random_mlp", **options, networks=2, seed=own)
    x = np.random.default_rng(strings).choice([-1.0, 1.0], (1, 2, 8)).astype("float32")
    for network in range(2):
        alone = zoo.build("random_mlp", **options, seed=0)
        alone.set_weights([w[network] for w in population.get_weights()])
        assert rows[1]["distances"][4 + network] == probes.nearest_flip(alone, x[:, network])[0]
        assert rows[1]["outputs"][4 + network] == pytest.approx(float(alone(x[:, network])[0, 0]), abs=1e-4)
    found = [d for d in rows[1]["distances"] if d > 0]
    assert rows[1]["distance"] == pytest.approx(np.mean(found))
    assert rows[1]["expected"] == pytest.approx(math.sqrt(8 / (2 * math.pi * math.log(8))))
    assert files(tmp_path) == REPORT


def test_random_flips_lie_between_one_and_all_bits(tmp_path):
    rows = reproduce("simplicity-fig2", tmp_path, budget="smoke")
    assert [row["fewest"] for row in rows] == [2, 3, 4]
    assert all(1 <= row["flips"] <= row["bits"] and 0 <= row["never"] <= 1 for row in rows)
    text = (tmp_path / "table.md").read_text()
    assert "flips / n" in text
    assert "fitted to n = 8, 12, 16: a = " in text


def test_greedy_is_compared_where_the_exact_distance_is_known(tmp_path):
    rows = reproduce("simplicity-table1", tmp_path, budget="smoke", settings={"max_distance": 2, "bits": [7]})
    (row,) = rows
    assert 0 < row["compared"] <= 6
    assert 1 <= row["exact"] <= 2
    assert row["exact"] <= row["greedy"] <= row["exact"] + row["largest_excess"]


def test_equal_seeds_give_equal_rows(tmp_path):
    one, two = (reproduce("simplicity-fig2", tmp_path / name, budget="smoke", seed=3) for name in "ab")
    assert [row["flips"] for row in one] == [row["flips"] for row in two]
    other = reproduce("simplicity-fig2", tmp_path / "c", budget="smoke", seed=4)
    assert [row["flips"] for row in other] != [row["flips"] for row in one]


@pytest.mark.backend_free
def test_a_line_is_fitted_as_by_generalised_least_squares():
    x, y, errors = np.array([1.0, 2, 4, 7]), np.array([2.1, 3.9, 8.2, 14.1]), np.array([0.1, 0.2, 0.1, 0.4])
    design, weights = np.stack([x, np.ones(4)], axis=1), np.diag(1 / errors**2)
    covariance = np.linalg.inv(design.T @ weights @ design)
    slope, intercept = covariance @ design.T @ weights @ y
    assert line_fit(x, y, errors) == pytest.approx((slope, math.sqrt(covariance[0, 0]), intercept))


@pytest.mark.backend_free
def test_the_adjusted_mean_is_that_of_the_law_and_closer_to_it():
    rng = np.random.default_rng(0)
    outputs = rng.normal(0, 1.5, (200, 400))
    distances = 0.5 + 2 * np.abs(outputs) + 0.3 * rng.standard_normal(outputs.shape)
    expected = 0.5 + 2 * 1.5 * math.sqrt(2 / math.pi)
    found, errors = np.array([adjusted(*pair, 1.5**2) for pair in zip(outputs, distances, strict=True)]).T
    plain = distances.mean(axis=1)
    assert abs(found.mean() - expected) < 5 * 0.3 / math.sqrt(80_000)
    assert found.std() < plain.std() / 4
    assert errors.mean() == pytest.approx(found.std(), rel=0.25)


@pytest.mark.backend_free
def test_bins_with_few_samples_are_left_out():
    x, y = binned(np.array([0.1, -0.2, 0.3, 0.9, -0.8]), np.array([1, 3, 9, 4, 6]), width=0.25, fewest=2)
    assert x.tolist() == [0.125, 0.875]
    assert y.tolist() == [2, 5]


@pytest.mark.backend_free
def test_equal_distances_have_no_fit(tmp_path):
    """The outputs decide nothing, and the standard errors are 0."""
    settings = find("simplicity-fig1").settings["smoke"]
    outputs = np.random.default_rng(0).normal(size=(3, 6)).tolist()
    rows = [
        {"recipe": "simplicity-fig1", "bits": bits, "settings": settings, "distance": 1.0, "standard_error": 0.0}
        | {"distances": [1] * 6, "outputs": some, "expected": 0.9, "found": 6}
        for bits, some in zip((8, 12, 16), outputs, strict=True)
    ]
    find("simplicity-fig1").report(rows, tmp_path)
    assert "fitted" not in (tmp_path / "table.md").read_text()
    assert cells((tmp_path / "table.md").read_text())[1] == ["8", "1", "0", "1", "0", "0.9", "6"]


@pytest.mark.parametrize(("key", "value"), [("bits", [1]), ("sigma_w2", 0.0), ("together", 0)])
def test_bad_settings_are_named(tmp_path, key, value):
    with pytest.raises(ValueError, match=f"`{key}` must be"):
        reproduce("simplicity-fig1", tmp_path, budget="smoke", settings={key: value})


def test_an_exact_search_that_takes_too_long_is_refused(tmp_path):
    with pytest.raises(ValueError, match="evaluations"):
        reproduce("simplicity-table1", tmp_path, budget="smoke", settings={"bits": [64], "max_distance": 6})


def test_searches_that_found_nothing_have_no_mean(tmp_path):
    given = {"bits": [6], "max_distance": 1, "networks": 1}
    for seed in range(20):
        (row,) = reproduce("simplicity-table1", tmp_path / str(seed), budget="smoke", settings=given, seed=seed)
        if not row["compared"]:
            break
    assert row["compared"] == 0
    assert row["greedy"] is row["exact"] is row["agreement"] is None
    assert (tmp_path / str(seed) / "figure.png").is_file()
