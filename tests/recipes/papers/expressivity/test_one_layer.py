"""Training of a single layer: against training the whole network, and against NumPy."""

import itertools
import math

import keras
import numpy as np
import pytest
from experiments import REPORT, files, stable, write_images

from zoo.recipes.experiments import fit_epochs
from zoo.recipes.experiments.experiment import find, resolve
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.papers.expressivity.one_layer import (
    convolutions,
    freeze_others,
    from_layer,
    perceptron,
    rank_correlation,
)

pytestmark = pytest.mark.usefixtures("one_step_per_call")

DENSE = {"width": 6, "depth": 3, "weight_variance": 2.0, "pixels": "unit"}
CONVOLUTIONAL = {**DENSE, "filters": 3, "stride": 2, "pooling": "none"}
SHAPE, CLASSES = (8, 8, 2), 4


@pytest.fixture(scope="module")
def images():
    """Random images `(50, 8, 8, 2)` and their classes."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (50, *SHAPE)).astype("uint8"), rng.integers(0, CLASSES, 50)


@pytest.fixture(scope="module")
def data(tmp_path_factory, images):
    """Settings that choose the first 40 of them to train on and the last 10 to test on."""
    return write_images(tmp_path_factory.mktemp("data") / "images.npz", *images)


def networks():
    """Both kinds of network, with the layers that are trained when hidden layer 2 is."""
    return [(perceptron, DENSE, ["hidden_2"]), (convolutions, CONVOLUTIONAL, ["hidden_2", "readout"])]


def kernels(network):
    return {layer.name: np.array(layer.kernel) for layer in network.layers if hasattr(layer, "kernel")}


@pytest.mark.parametrize(("build", "settings", "trained"), networks())
def test_training_from_a_layer_on_is_training_the_whole_with_the_others_frozen(build, settings, trained, images):
    """Steps of SGD are smooth in the gradients' rounding errors."""
    x, y = images
    found = []
    for kept in (0, 1e9):
        network = build(settings, SHAPE, CLASSES, 5)
        before = kernels(network)
        freeze_others(network, trained)
        model, (inputs,) = from_layer(network, "hidden_2", [x], kept)
        assert (model is network) == (inputs is x) == (kept == 0)
        fit_epochs.compiled(
            model, keras.optimizers.SGD(0.5), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        fit_epochs.fit_epochs(model, lambda epoch, inputs=inputs: ((inputs,), y), epochs=2, batch_size=20, seed=3)
        after = kernels(network)
        assert {name for name in after if np.abs(after[name] - before[name]).max() > 1e-3} == set(trained)
        assert all(np.array_equal(after[name], before[name]) for name in after if name not in trained)
        found.append(after)
    for name in trained:
        np.testing.assert_allclose(found[0][name], found[1][name], atol=1e-5)


def test_the_perceptron_is_what_numpy_says(images):
    x = images[0]
    network = perceptron({**DENSE, "pixels": "unit"}, SHAPE, CLASSES, 5)
    weights = kernels(network)
    y = x.reshape(len(x), -1) / 255
    for name in ("hidden_1", "hidden_2", "hidden_3"):
        y = np.clip(y @ weights[name], -1, 1)
    np.testing.assert_allclose(network.predict(x, verbose=0), y @ weights["readout"], atol=1e-5)


def test_weights_have_the_variance_asked_for():
    for variance in (1.0, 2.0):
        dense = perceptron({**DENSE, "width": 100, "weight_variance": variance}, SHAPE, CLASSES, 5)
        spatial = convolutions({**CONVOLUTIONAL, "filters": 32, "weight_variance": variance}, SHAPE, CLASSES, 5)
        for kernel in (kernels(dense)["hidden_2"], kernels(spatial)["hidden_2"]):
            fan_in = kernel[..., 0].size
            assert abs(kernel.var() * fan_in / variance - 1) < 5 * np.sqrt(2 / kernel.size)


def test_only_the_first_convolution_has_a_stride_and_pooling_is_a_mean():
    flat, pooled = (convolutions({**CONVOLUTIONAL, "pooling": one}, SHAPE, CLASSES, 5) for one in ("none", "average"))
    assert [layer.strides for layer in flat.layers if hasattr(layer, "strides")] == [(2, 2), (1, 1), (1, 1)]
    assert kernels(flat)["readout"].shape == (4 * 4 * 3, CLASSES)
    assert kernels(pooled)["readout"].shape == (3, CLASSES)


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("expressivity-fig6", 8 * 8 * 2 * 10, 10 * 10),
        ("expressivity-fig12", 9 * 2 * 4 + 4 * CLASSES, 9 * 4 * 4 + 4 * CLASSES),
    ],
)
def test_a_run_has_a_row_per_layer_and_goes_on_where_it_stopped(tmp_path, name, first, second, data):
    """Networks have 10 units or 4 filters and no biases."""
    given = {**data, "layers": [1], "batch_size": 20}
    rows = reproduce(name, tmp_path, budget="smoke", settings=given)
    assert files(tmp_path) == REPORT
    assert "layer and final train accuracy: none" in (tmp_path / "table.md").read_text()
    more = reproduce(name, tmp_path, budget="smoke", settings={**given, "layers": [1, 3]})
    assert more[:1] == rows
    assert [(row["layer"], row["parameters"]) for row in more] == [(1, first), (3, second)]
    for row in more:
        for key, examples in (("train_accuracy", 40), ("accuracy", 10)):
            assert len(row[key]) == 2
            assert row[f"final_{key}"] == row[key][-1]
            assert all(abs(examples * one - round(examples * one)) < 1e-4 for one in row[key])
        assert row["baseline"] == np.bincount(np.load(data["data"])["y_test"]).max() / 10
        assert row["loss"] > 0
    table = (tmp_path / "table.md").read_text()
    assert f"{more[1]['final_train_accuracy']:.4g}" in table
    assert table.count("Kendall") == 2


def test_a_training_that_diverges_has_no_accuracy(tmp_path, data):
    given = {**data, "layers": [2], "learning_rate": 1e38}
    (row,) = reproduce("expressivity-fig12", tmp_path, budget="smoke", settings=given)
    assert row["loss"] is row["final_accuracy"] is None
    assert "1 of 1 diverged" in (tmp_path / "table.md").read_text()


def test_accuracy_is_that_of_the_trained_network(tmp_path, data, images, monkeypatch):
    """Accuracy of the last epoch is counted with NumPy."""
    built = []

    def build(*arguments):
        built.append(perceptron(*arguments))
        return built[-1]

    monkeypatch.setitem(find("expressivity-fig6").run.keywords, "build", build)
    (row,) = reproduce("expressivity-fig6", tmp_path, budget="smoke", settings={**data, "layers": [2], "epochs": 3})
    x, y = images
    right = built[0].predict(x, verbose=0).argmax(axis=1) == y
    assert row["final_train_accuracy"] == pytest.approx(right[:40].mean())
    assert row["final_accuracy"] == pytest.approx(right[40:].mean())


@pytest.mark.every_backend
def test_equal_seeds_give_equal_rows(tmp_path, data):
    def rows(folder, seed):
        given = {**data, "layers": [2], "epochs": 1}
        return stable(reproduce("expressivity-fig6", tmp_path / folder, budget="smoke", settings=given, seed=seed))

    one = rows("a", 1)
    assert one == rows("b", 1)
    assert one[0]["loss"] != rows("c", 2)[0]["loss"]


@pytest.mark.backend_free
def test_the_rank_correlation_counts_pairs():
    values = [[0.9, 0.5, 0.7, 0.1], [0.1, 0.2, 0.3, 0.4], [0.4, 0.4, 0.4, 0.4], [0.4, None, 0.3, 0.1]]
    rows = [
        {"repetition": r, "layer": layer, "final": one}
        for r, line in enumerate(values)
        for layer, one in enumerate(line, 2)
    ]
    signs = [np.sign(b - a) for a, b in itertools.combinations([0.9, 0.5, 0.7, 0.1], 2)]
    # The third has no order.
    assert rank_correlation(rows, "final") == pytest.approx([float(np.mean(signs)), 1, -1])


def test_digits_are_learned_by_a_hidden_layer_alone(tmp_path):
    given = {"data": "digits", "layers": [2], "samples": 1000, "test_samples": 300, "epochs": 10, "depth": 3}
    (row,) = reproduce("expressivity-fig6", tmp_path, settings=given, repetitions=1)
    assert row["parameters"] == 100**2
    assert row["final_train_accuracy"] > 0.8
    assert row["final_accuracy"] > 0.7


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (6, {"data": "mnist", "width": 100, "weight_variance": 2.0}),
        (7, {"data": "cifar10", "width": 200, "weight_variance": 1.0}),
        (12, {"data": "cifar10", "depth": 8, "filters": 64, "epochs": 500, "stride": 1}),
    ],
)
def test_the_papers_settings(figure, expected):
    found = resolve(find(f"expressivity-fig{figure}"), "paper", {})
    assert {key: found[key] for key in expected} == expected
    assert min(found["layers"]) == 2
    assert found["samples"] == found["test_samples"] == 0


def test_most_of_what_fig_12_trains_is_the_layer_and_not_the_softmax():
    for budget in ("standard", "paper"):
        settings = resolve(find("expressivity-fig12"), budget, {})
        network = convolutions(settings, (32, 32, 3), 10, 0)
        softmax, layer = (math.prod(network.get_layer(name).kernel.shape) for name in ("readout", "hidden_2"))
        assert softmax < layer / 10


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("expressivity-fig6", {"layers": [2, 4]}, r"`layers` must be at most depth=3. Received: layers=\[2, 4\]"),
        ("expressivity-fig6", {"layers": [0]}, "`layers` must be"),
        ("expressivity-fig6", {"weight_variance": 0.0}, "`weight_variance` must be"),
        ("expressivity-fig6", {"pixels": "raw"}, "`pixels` must be one of"),
        ("expressivity-fig6", {"filters": 3}, "setting"),
        ("expressivity-fig7", {"width": 0}, "`width` must be"),
        ("expressivity-fig7", {"samples": 10_000}, "`samples` must be at most"),
        ("expressivity-fig12", {"stride": 0}, "`stride` must be"),
        ("expressivity-fig12", {"pooling": "max"}, "`pooling` must be one of"),
    ],
)
def test_bad_settings_are_named(tmp_path, name, given, message):
    with pytest.raises(ValueError, match=message):
        reproduce(name, tmp_path, budget="smoke", settings=given)
