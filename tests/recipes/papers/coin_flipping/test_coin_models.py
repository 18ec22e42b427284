"""Figures 7 to 10 in small: margins and accuracies of shipped weights and of a run's folder, and what is refused."""

import numpy as np
import pytest

import zoo
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.reporting.results import read_results
from zoo.recipes.training import recipe as registered

EXPERIMENTS = ("cfnn-delta", "cfnn-flips")


@pytest.fixture(scope="module")
def run(tmp_path_factory, train_only):
    """The folder of a finished run of a coin-flipping model on digits."""
    out = tmp_path_factory.mktemp("runs") / "dropout"
    train_only(registered.find("resnet20_cfnn_digits").replace({"depth": 8, "options.samples": 2, "epochs": 1}), out)
    return str(out)


def test_margins_of_the_shipped_weights(tmp_path):
    rows = reproduce("cfnn-delta", tmp_path, budget="smoke", settings={"splits": ["test"], "examples": 0})
    assert [(row["coins"], row["samples"], row["n"]) for row in rows] == [("on", 5, 360), ("off", 1, 360)]
    on, off = rows
    assert set(off["margins"]) == {-1.0, 1.0}
    assert off["agreed"] == 100
    assert all(row["margins"] == sorted(row["margins"], reverse=True) for row in rows)
    assert on["accuracy"] > 95
    data = zoo.data.load("digits")
    model = zoo.build("resnet20_cfnn", weights="digits")
    assert off["correct"] == zoo.random_accuracy(model, data.test.x, data.test.y, 1, "expected").correct
    table = (tmp_path / "table.md").read_text()
    assert all(f"{row['correct']} of 360" in table for row in rows)
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_a_run_and_shipped_weights_side_by_side(run, tmp_path):
    chosen = {"models": [run, "resnet20_cfnn:digits"], "splits": ["test"], "examples": 10}
    for name in EXPERIMENTS:
        out = tmp_path / name
        rows = reproduce(name, out, budget="smoke", settings=chosen)
        assert {row["model"] for row in rows} == {run, "resnet20_cfnn:digits"}
        assert {row["data"] for row in rows} == {"digits"}
        assert (out / "figure.png").stat().st_size > 1000
        before = (out / "results.jsonl").read_bytes()
        reproduce(name, out, budget="smoke", settings=chosen)
        assert (out / "results.jsonl").read_bytes() == before


def test_accuracies_come_from_one_pass_of_flips(tmp_path, monkeypatch):
    calls = []

    def flips(model, x, samples):
        calls.append(samples)
        return np.zeros((len(x), samples), int)

    monkeypatch.setattr(zoo, "flips", flips)
    (row,) = reproduce("cfnn-flips", tmp_path, budget="smoke", settings={"flips": 20})
    assert calls == [20]
    labels = zoo.data.load("digits").test.y[:40]
    assert row["samples"] == [1, 2, 3, 5, 7, 10]
    assert row["accuracy"] == pytest.approx([100 * np.mean(labels == 0)] * 6)
    assert row["deviation"] == [0] * 6
    assert "± 0.00" in (tmp_path / "table.md").read_text()
    assert read_results(tmp_path / "results.jsonl") == [row]


def test_repetitions_flip_other_coins(run, tmp_path):
    settings = {"models": [run], "splits": ["test"], "flips": 9}
    first, second = reproduce("cfnn-flips", tmp_path, budget="smoke", settings=settings, repetitions=2)
    assert first["accuracy"] != second["accuracy"]


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"models": ["no/such/run"]}, "`models` must be the folder of a run; there is no config.json"),
        ({"models": ["resnet20_cfnn:cifar1"]}, "`models` must name published weights \\(.*resnet20_cfnn:digits"),
        ({"models": ["resnet20_dropout"]}, "`models` must name published weights"),
        ({"splits": ["all"]}, "`splits` must be one of"),
        ({"flips": 0}, "`flips` must be an int"),
    ],
)
def test_bad_settings_are_refused(name, settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        reproduce(name, tmp_path / "out", budget="smoke", settings=settings)
    assert not (tmp_path / "out").exists()


def test_a_model_must_fit_the_data_and_flip_coins(masked, tmp_path, train_only):
    with pytest.raises(ValueError, match="`models` must fit the data"):
        reproduce("cfnn-delta", tmp_path / "out", budget="smoke", settings={"data": masked.data})
    train_only(masked, tmp_path / "masked")
    given = {"budget": "smoke", "settings": {"models": [str(tmp_path / "masked")], "splits": ["test"]}}
    with pytest.raises(ValueError, match="`models` must flip coins"):
        reproduce("cfnn-flips", tmp_path / "out", **given)
    (row,) = reproduce("cfnn-delta", tmp_path / "delta", **given)
    assert (row["coins"], row["samples"]) == ("none", 1)
