"""Dichotomies against labels in NumPy and random walks against theory."""

import keras
import numpy as np
import pytest
from experiments import REPORT, cells, files

from zoo.recipes.experiments.experiment import find, resolve
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.papers.expressivity import dichotomies
from zoo.recipes.papers.expressivity.dichotomies import random_walk

FIGURES = ["expressivity-fig4", "expressivity-fig5", "expressivity-fig10"]


def labels_by_hand(model, inputs, layer, points, seed):
    """Labels `(networks, points, inputs)` of hard-tanh networks without biases, in NumPy."""
    kernels = {one.name: keras.ops.convert_to_numpy(one.kernel) for one in model.layers[1:]}
    other = np.random.default_rng(seed).standard_normal(kernels[layer].shape)
    other *= np.sqrt(np.mean(kernels[layer] ** 2))
    networks = []
    for network in range(len(other)):
        z = inputs
        for name, kernel in kernels.items():
            if name == layer:
                t = 2 * np.pi * np.arange(points)[:, None, None] / points
                z = z @ (np.cos(t) * kernel[network] + np.sin(t) * other[network])
            else:
                z = z @ kernel[network]
            z = z if name == "readout" else np.clip(z, -1, 1)
        networks.append(z[..., 0] > 0)
    return np.array(networks)


@pytest.mark.parametrize(("name", "depth", "remaining"), [(FIGURES[2], 1, 1), (FIGURES[0], 3, 3), (FIGURES[1], 3, 2)])
def test_counts_are_those_of_numpy(monkeypatch, name, depth, remaining):
    calls = []
    probe = dichotomies.probes.labelings

    def spy(model, inputs, layer, points, seed, **more):
        calls.append((model, inputs, layer, points, seed))
        return probe(model, inputs, layer, points, seed, **more)

    monkeypatch.setattr(dichotomies.probes, "labelings", spy)
    monkeypatch.setattr(dichotomies, "_BATCH", 50)
    experiment = find(name)
    settings = resolve(experiment, "smoke", {"networks": 3, "inputs": 4, "points": 1000, "dim": 6})
    rows = experiment.run(settings, {"width": 20, "depth": depth, "remaining": remaining}, 5, None)
    ((model, inputs, layer, points, seed),) = calls
    assert [one.name for one in model.layers[1:]].index(layer) == depth - remaining
    assert inputs.shape == (4, 6)
    labels = labels_by_hand(model, inputs, layer, points, seed)
    assert [row["dichotomies"] for row in rows] == [len(np.unique(one, axis=0)) for one in labels]
    assert [row["transitions"] for row in rows] == [int((one[1:] != one[:-1]).sum()) for one in labels]
    assert [row["network"] for row in rows] == [0, 1, 2]
    assert all(row["dichotomies"] > 4 for row in rows)
    kernel = keras.ops.convert_to_numpy(model.get_layer("hidden_1").kernel)
    assert np.var(kernel) * 6 == pytest.approx(settings["sigma_w2"], rel=5 * np.sqrt(2 / kernel.size))


def mean_range(inputs, steps):
    """Expected labelings met by a random walk: the sum of the chances of no return, from those of being back."""
    k = np.arange(inputs + 1)
    ways = np.array([float(np.prod(range(inputs - i + 1, inputs + 1)) / np.prod(range(1, i + 1))) for i in k])
    back = [float(np.sum(ways * (1 - 2 * k / inputs) ** n) / 2**inputs) for n in range(steps + 1)]
    away: list[float] = []
    for n in range(steps + 1):
        away.append(1 - sum(back[j] * away[n - j] for j in range(1, n + 1)))
    return np.cumsum(away)


@pytest.mark.backend_free
def test_random_walk_meets_as_many_labelings_as_theory_says():
    np.testing.assert_array_equal(random_walk(1, 5, 0), np.minimum(2, np.arange(6) + 1))
    np.testing.assert_allclose(mean_range(2, 3), [1, 2, 2.5, 3])  # by hand
    for inputs, steps in ((2, 8), (4, 30)):
        walks = np.array([random_walk(inputs, steps, [1, i]) for i in range(2000)])
        deviation = walks.std(axis=0) / np.sqrt(len(walks))
        assert (np.abs(walks.mean(axis=0) - mean_range(inputs, steps)) <= 5 * deviation + 1e-12).all()
    assert random_walk(3, 1000, 0)[-1] == 8
    assert random_walk(15, 0, 0).tolist() == [1]


@pytest.mark.parametrize("name", FIGURES)
def test_a_population_has_a_row_per_network(tmp_path, name):
    rows = reproduce(name, tmp_path, budget="smoke")
    assert files(tmp_path) == REPORT
    settings = resolve(find(name), "smoke", {})
    assert len(rows) == settings["networks"] * len(find(name).points(settings))
    assert all(1 < row["dichotomies"] <= min(2 ** settings["inputs"], row["transitions"] + 1) for row in rows)


def test_equal_seeds_give_equal_rows():
    experiment = find(FIGURES[0])
    settings = resolve(experiment, "smoke", {"inputs": 10})
    point = {"width": 8, "depth": 3, "remaining": 3}
    rows, again, others = (experiment.run(settings, point, seed, None) for seed in (3, 3, 4))
    assert rows == again != others


@pytest.mark.backend_free
def test_every_hidden_layer_is_swept_or_the_first():
    sweep = [(p["depth"], p["remaining"]) for p in find(FIGURES[1]).points({"width": 8, "depths": [3, 1]})]
    assert sweep == [(3, 1), (3, 2), (3, 3), (1, 1)]
    sweep = [tuple(p.values()) for p in find(FIGURES[0]).points({"widths": [4, 8], "depths": [2, 5]})]
    assert sweep == [(4, 2, 2), (4, 5, 5), (8, 2, 2), (8, 5, 5)]


@pytest.mark.backend_free
def test_growth_is_fitted_where_counts_are_neither_full_nor_skipped(tmp_path):
    """Sqrt(width) 2^r of 1024 labelings: 0.1 of them are met from r = 6 or 5 on. Width 16 changes too fast at r = 3."""
    settings = {"inputs": 10, "points": 2001, "sigma_w2": 8.0}
    rows = [
        {"recipe": "some", "width": width, "depth": r, "remaining": r, "network": i, "settings": settings}
        | {"dichotomies": round(width**0.5) * 2**r, "transitions": 200 if (width, r) == (16, 3) else 199}
        for width in (4, 16)
        for r in range(1, 9)
        for i in (0, 1)
    ]
    find(FIGURES[0]).report(rows, tmp_path)
    lines = cells((tmp_path / "table.md").read_text())
    assert ["4", "1.000 ± 0", "1, 2, 3, 4, 5"] in lines
    assert ["16", "1.000 ± 0", "1, 2, 4"] in lines
    assert ["1", "0.500 ± 0", "4, 16"] in lines
    assert ["3", "", "4"] in lines
    assert ["6", "", ""] in lines
    assert ["6", "128 ± 0", "256 ± 0"] in lines


@pytest.mark.backend_free
def test_networks_are_compared_with_walks_of_as_many_changes(tmp_path):
    settings = {"inputs": 1, "points": 101, "sigma_w2": 16.0, "walks": 2}
    rows = [
        {
            "recipe": "some",
            "seed": 0,
            "width": 4,
            "depth": 2,
            "dichotomies": met,
            "transitions": t,
            "settings": settings,
        }
        for met, t in ((2, 15), (1, 0))
    ]
    find(FIGURES[2]).report(rows, tmp_path)
    found = ["4", "2", "7.5 ± 11", "1.5 ± 0.71", "1 ± 0", "0.075"]
    assert cells((tmp_path / "table.md").read_text())[-1] == found


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        (FIGURES[0], {"sigma_w2": 0.0}, "`sigma_w2` must be"),
        (FIGURES[0], {"widths": [0]}, "`widths` must be"),
        (FIGURES[1], {"depths": []}, "`depths` must be"),
        (FIGURES[1], {"points": 1}, "`points` must be an int in \\[2, "),
        (FIGURES[2], {"inputs": 63}, "`inputs` must be at most 62"),
        (FIGURES[2], {"walks": 0}, "`walks` must be"),
    ],
)
def test_bad_settings_are_named(tmp_path, name, given, message):
    with pytest.raises(ValueError, match=message):
        reproduce(name, tmp_path, budget="smoke", settings=given)
