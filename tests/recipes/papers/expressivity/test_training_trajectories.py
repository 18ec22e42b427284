"""Trajectories in training: first and last measurements against NumPy, and the report."""

import json

import keras
import numpy as np
import pytest
from experiments import REPORT, files, run_seed, stable, write_images

from zoo import probes
from zoo.data.split import Split
from zoo.recipes.experiments.experiment import find, resolve
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.papers.expressivity.one_layer import perceptron
from zoo.recipes.papers.expressivity.training_trajectories import ends, log_ratios

pytestmark = pytest.mark.usefixtures("one_step_per_call")

SHAPE = (6, 6, 1)


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    return Split(rng.integers(0, 256, (50, *SHAPE)).astype("uint8"), rng.integers(0, 4, 50))


@pytest.fixture(scope="module")
def data(tmp_path_factory, split):
    """Settings that choose the first 40 of them to train on and the last 10 to test on."""
    return {**write_images(tmp_path_factory.mktemp("data") / "images.npz", *split), "batch_size": 16}


@pytest.fixture(scope="module")
def run(tmp_path_factory, data):
    """Function from a figure and settings to the rows and the folder."""

    def reproduced(number, seed=0, **given):
        out = tmp_path_factory.mktemp("run")
        rows = reproduce(f"expressivity-fig{number}", out, budget="smoke", settings={**data, **given}, seed=seed)
        return rows, out

    return reproduced


@pytest.fixture(scope="module")
def steep(run):
    return run(8)


def measured(kernels, curve):
    """Lengths and sign changes in NumPy, by hidden layer."""
    z, lengths, changes = curve.reshape(len(curve), -1).astype(float) / 255, [], []
    for kernel in kernels:
        z = np.clip(z @ kernel, -1, 1)
        lengths.append(np.linalg.norm(np.diff(z, axis=0), axis=1).sum())
        changes.append(int(np.diff(z > 0, axis=0).sum()))
    return lengths, changes


@pytest.mark.backend_free
def test_random_points_are_as_far_from_the_origin_as_images_of_two_classes(split):
    found = {name: pair.reshape(2, -1) for name, pair in ends(split, 5).items()}
    matches = [np.flatnonzero((split.x.reshape(50, -1) == image).all(axis=1)) for image in found["data"]]
    (first,), (second,) = matches
    assert split.y[first] != split.y[second]
    np.testing.assert_allclose(*(np.linalg.norm(pair, axis=1) for pair in found.values()))
    assert not np.array_equal(found["data"], ends(split, 6)["data"].reshape(2, -1))
    assert abs(np.corrcoef(found["random"])[0, 1]) < 5 / np.sqrt(36)


def test_first_and_last_measurements_are_those_of_the_network_in_numpy(run, split, monkeypatch):
    """NumPy measures a second network of the same seed for the beginning, and the trained one for the end."""
    built = []

    def build(*arguments):
        built.append(perceptron(*arguments))
        return built[-1]

    monkeypatch.setattr("zoo.recipes.papers.expressivity.training_trajectories.perceptron", build)
    rows, _ = run(8)
    settings = find("expressivity-fig8").settings["smoke"]
    networks = [perceptron(settings, SHAPE, 4, run_seed()), built[0]]
    kernels = [[keras.ops.convert_to_numpy(w).astype(float) for w in one.weights[:-1]] for one in networks]
    pairs = ends(Split(split.x[:40], split.y[:40]), run_seed())
    assert [row["curve"] for row in rows] == list(pairs)
    for row in rows:
        x0, x1 = pairs[row["curve"]]
        coarse, fine = (probes.great_circle(x0, x1, points) for points in (257, 513))
        for i, one in zip((0, -1), kernels, strict=True):
            lengths, changes = measured(one, coarse)
            np.testing.assert_allclose(row["lengths"][i], lengths, rtol=1e-4)
            np.testing.assert_allclose(row["transitions"][i], changes, atol=2)
        most = [measured(one, fine)[0] for one in kernels]
        missed = [max(1 - np.array(row["lengths"][i]) / most[i]) for i in (0, -1)]
        assert [row["missed"], row["missed_at_end"]] == pytest.approx(missed, abs=1e-4)
        grown = [np.sqrt(np.mean(b**2) / np.mean(a**2)) for a, b in zip(*kernels, strict=True)]
        assert row["weights"] == pytest.approx(grown, rel=1e-4)
        right = built[0].predict(split.x[40:], verbose=0).argmax(axis=1) == split.y[40:]
        assert row["accuracy"] == pytest.approx(right.mean())


def test_a_curve_has_a_measurement_before_training_and_one_per_epoch(steep):
    rows, out = steep
    assert files(out) == REPORT
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")
    for row in rows:
        assert row["updates"] == [0, 3, 6]
        assert np.shape(row["lengths"]) == np.shape(row["transitions"]) == (3, 3)
        assert row["lengths"][0] != row["lengths"][-1]


def test_the_table_has_the_mean_log_ratio_per_layer(run):
    rows, out = run(8, repetitions=2, epochs=1)
    assert [(row["curve"], row["repetition"]) for row in rows] == [
        ("data", 0),
        ("random", 0),
        ("data", 1),
        ("random", 1),
    ]
    lines = [line.split("|")[1:-1] for line in (out / "table.md").read_text().splitlines() if line.startswith("|")]
    cells = np.array([[float(cell.split("±")[0]) for cell in line[1:]] for line in lines[2:]])
    lengths = np.array([row["lengths"] for row in rows]).reshape(2, 2, 2, 3)  # repetition, curve, measurement, layer
    expected = np.log(lengths[:, :, 1] / lengths[:, :, 0]).mean(axis=0)
    assert [line[0].strip() for line in lines[2:]] == ["1", "2", "3", "mean"]
    np.testing.assert_allclose(cells[:3, :2], expected.T, rtol=0.01)
    np.testing.assert_allclose(cells[3, :2], expected.mean(axis=1), rtol=0.01)
    np.testing.assert_allclose(cells[:3, 2], expected[0] - expected[1], rtol=0.01)
    np.testing.assert_allclose(cells[:3, 3], np.mean([row["weights"] for row in rows], axis=0), rtol=0.01)


def test_fig_11_draws_the_transitions_of_fig_8(steep, run):
    rows, out = run(11)
    assert stable(rows, "recipe") == stable(steep[0], "recipe")
    table = (out / "table.md").read_text()
    assert "sign transitions after training over that before" in table
    ratio = np.log(rows[0]["transitions"][-1][0] / rows[0]["transitions"][0][0])
    assert f"| 1       | {ratio:.3g}" in table


def test_the_seed_decides(steep, run):
    def found(rows):
        return [{key: row[key] for key in ("accuracy", "loss", "lengths", "transitions", "weights")} for row in rows]

    assert found(run(8)[0]) == found(steep[0])
    assert found(run(8, seed=1)[0])[0]["lengths"][0] != steep[0][0]["lengths"][0]


def test_what_vanished_or_diverged_has_no_logarithm(steep, tmp_path):
    assert np.array_equal(log_ratios([{"n": [[4, 2, 0], [2, 0, 0]]}], "n")[0, :2], [np.log(0.5), -np.inf])
    rows = json.loads(json.dumps(steep[0]))
    rows[0]["lengths"][-1][1] = 0.0
    find("expressivity-fig8").report(rows, tmp_path)
    assert (tmp_path / "table.md").read_text().count("none") == 4  # data and the difference, in layer and mean


def test_a_training_that_diverges_is_reported(run):
    rows, out = run(8, learning_rate=1e38)
    assert rows[0]["loss"] is rows[0]["accuracy"] is None
    assert "(1, 1 of which diverged)" in (out / "table.md").read_text()


@pytest.mark.backend_free
@pytest.mark.parametrize(("number", "variance"), [(8, 16.0), (9, 3.0), (11, 16.0)])
def test_the_papers_settings(number, variance):
    found = resolve(find(f"expressivity-fig{number}"), "paper", {})
    expected = {"data": "mnist", "depth": 12, "weight_variance": variance, "samples": 0, "test_samples": 0}
    assert {key: found[key] for key in expected} == expected


@pytest.mark.backend_free
@pytest.mark.parametrize(("number", "epochs"), [(8, 4), (9, 16), (11, 4)])
def test_near_the_edge_of_growth_the_standard_training_is_longer(number, epochs):
    assert resolve(find(f"expressivity-fig{number}"), "standard", {})["epochs"] == epochs


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weight_variance": 0.0}, "`weight_variance` must be"),
        ({"learning_rate": 0.0}, "`learning_rate` must be"),
        ({"points": 1}, r"`points` must be an int in \[2, 2\*\*32\)\. Received: points=1"),
        ({"samples": 1}, "`samples` must be so many that there are two classes. Received: samples=1"),
        ({"samples": 10_000}, "`samples` must be at most"),
        ({"pixels": "raw"}, "`pixels` must be one of"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"period": 3}, "setting"),
    ],
)
def test_bad_settings_are_named(tmp_path, given, message):
    with pytest.raises(ValueError, match=message):
        reproduce("expressivity-fig8", tmp_path, budget="smoke", settings=given)
