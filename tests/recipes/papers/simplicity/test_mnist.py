"""Searches on networks that learned parity, against direct calls of the probes."""

import math

import numpy as np
import pytest
from experiments import REPORT, files

import zoo
from zoo import probes
from zoo.recipes.experiments.experiment import find, resolve
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.papers.simplicity.mnist import _strings, _trained


def _settings(**given):
    return resolve(find("simplicity-fig3"), "smoke", given)


@pytest.mark.backend_free
def test_strings_are_binarised_images_and_classes_are_odd_digits():
    train, test = _strings(_settings(samples=50, test_samples=20), None)
    raw, _, _ = zoo.data.load("digits", None, validation=0)
    assert train.x.shape == (50, 64)
    assert test.x.shape == (20, 64)
    np.testing.assert_array_equal(train.x > 0, np.asarray(raw.x[:50]).reshape(50, -1) > 4)
    np.testing.assert_array_equal(train.y, np.asarray(raw.y[:50]) % 2)


def test_a_network_learns_parity_and_its_accuracy_is_by_the_sign():
    settings = _settings(epochs=30, width=64)
    splits = _strings(settings, None)
    model, found = _trained(settings, 1, splits)
    assert found["accuracy"] > 0.9
    right = (model.predict(splits[1].x, verbose=0)[:, 0] > 0) == (splits[1].y == 1)
    assert found["accuracy"] == pytest.approx(right.mean())
    fresh = zoo.build("random_mlp", dim=64, width=64, depth=2, activation="relu", sigma_w=math.sqrt(2), seed=1)
    assert [layer.units for layer in model.layers[1:]] == [layer.units for layer in fresh.layers[1:]] == [64, 64, 1]


@pytest.mark.every_backend
def test_three_kinds_of_strings_are_searched(tmp_path):
    rows = reproduce("simplicity-fig3", tmp_path, budget="smoke")
    assert [row["strings"] for row in rows] == ["train", "test", "random"]
    for row in rows:
        assert len(row["distances"]) == len(row["outputs"]) == 20
        assert row["bits"] == 64
        assert row["distance"] == pytest.approx(np.mean([d for d in row["distances"] if d > 0]))
    assert files(tmp_path) == REPORT
    assert "Eq. 8 for random strings and networks, n = 64: 1.56" in (tmp_path / "table.md").read_text()


def test_right_and_wrong_images_are_searched_apart(tmp_path):
    rows = reproduce("simplicity-fig4", tmp_path, budget="smoke")
    expected = [(split, answer) for split in ("train", "test") for answer in ("correct", "incorrect")]
    assert [(row["strings"], row["answer"]) for row in rows] == expected
    counts = [row["images"] for row in rows]
    train, _, test = zoo.data.load("digits", None, validation=0)
    assert (counts[0] + counts[1], counts[2] + counts[3]) == (len(train.x), len(test.x))
    assert rows[2]["accuracy"] == pytest.approx(counts[2] / len(test.x))


def test_distances_are_those_of_the_trained_network():
    settings = _settings(epochs=1)
    splits = _strings(settings, None)
    model, _ = _trained(settings, 5, splits)
    run = find("simplicity-fig3").run(settings, {}, 5, splits)
    chosen = splits[1].x[_second_permutation(5, splits)[:20]]
    assert run[1]["distances"] == probes.nearest_flip(model, chosen).tolist()


def _second_permutation(seed, splits):
    rng = np.random.default_rng(seed)
    rng.permutation(len(splits[0].x))
    return rng.permutation(len(splits[1].x))


@pytest.mark.parametrize(("key", "value"), [("epochs", 0), ("strings", 0), ("threshold", -1.0)])
def test_bad_settings_are_named(tmp_path, key, value):
    with pytest.raises(ValueError, match=f"`{key}` must be"):
        reproduce("simplicity-fig3", tmp_path, budget="smoke", settings={key: value})
