"""Every experiment of the modularity paper, end to end, on data that need no download."""

import keras
import numpy as np
import pytest
from experiments import REPORT, files, stable, write_images

from zoo.layers.seeds import layer_seeds
from zoo.recipes.experiments.experiment import find, names, resolve
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.papers.modularity import assumptions
from zoo.recipes.papers.modularity import runs as modularity_runs
from zoo.recipes.papers.modularity.colorization import grey
from zoo.recipes.papers.modularity.rotation import rotate
from zoo.recipes.reporting.results import read_results

pytestmark = pytest.mark.usefixtures("one_step_per_call")

NAMES = [name for name in names() if name.startswith("modularity-")]


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    """Settings that choose 60 coloured images of the size of CIFAR-10's."""
    x, y = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3)).astype("uint8"), np.arange(60) % 3
    return write_images(tmp_path_factory.mktemp("data") / "coloured.npz", x, y)


def own_data(name, coloured):
    return coloured if name == "modularity-colorization" else {}


@pytest.mark.backend_free
def test_there_are_all_of_them():
    kinds = ("synthetic-depth", "synthetic-embedding", "synthetic-rate", "rotation-depth", "rotation-embedding")
    others = ("colorization", "learning-rate", "assumption1", "assumption2")
    assert set(NAMES) == {f"modularity-{kind}" for kind in (*kinds, *others)}


@pytest.mark.parametrize("name", NAMES)
def test_smoke(name, coloured, tmp_path):
    rows = reproduce(name, tmp_path, budget="smoke", settings=own_data(name, coloured))
    assert files(tmp_path) == REPORT
    measure = {"modularity-assumption1": "distance"}.get(name, "loss")
    assert all(np.isfinite(row[measure]) and row["parameters"] > 0 for row in rows)
    chosen = resolve(find(name), "smoke", own_data(name, coloured))
    assert len(rows) == len(find(name).points(chosen)) * (3 if name == "modularity-assumption1" else 1)
    if "error" in rows[0]:
        assert all(0 <= row["error"] <= 1 for row in rows)
        assert {row["error"] * 100 for row in rows} == {round(row["error"] * 100) for row in rows}  # of 100 images


def test_an_interrupted_experiment_ends_the_same(tmp_path, monkeypatch):
    name = "modularity-rotation-embedding"
    whole = reproduce(name, tmp_path / "whole", budget="smoke", seed=7)
    with monkeypatch.context() as patched:
        fit, fits = keras.Model.fit, []

        def stop(model, *arguments, **options):
            fits.append(1)
            if len(fits) == 2:
                raise KeyboardInterrupt
            return fit(model, *arguments, **options)

        patched.setattr(keras.Model, "fit", stop)
        with pytest.raises(KeyboardInterrupt):
            reproduce(name, tmp_path / "cut", budget="smoke", seed=7)
    assert len(read_results(tmp_path / "cut/results.jsonl")) == 1
    assert stable(reproduce(name, tmp_path / "cut", budget="smoke", seed=7)) == stable(whole)
    for file in ("table.md", "figure.png"):
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("synthetic-depth", {}, {"depths": list(range(2, 10)), "width": 100, "epochs": 100, "batch_size": 200}),
        ("synthetic-embedding", {"type": 3}, {"multiples": list(range(1, 9)), "x_size": 100, "embedding_dim": 1000}),
        ("synthetic-rate", {}, {"x_size": 100, "multiple": 1, "embedding_dim": 1000, "epochs": 100, "batch_size": 200}),
        ("rotation-depth", {}, {"width": 50, "primary_activation": "relu", "learning_rate": 0.01, "epochs": 10}),
        ("rotation-depth", {"data": "cifar10"}, {"width": 100, "primary_activation": "elu", "batch_size": 64}),
        ("rotation-embedding", {"data": "cifar10"}, {"width": 100, "primary_activation": "elu", "depth": 2}),
        ("rotation-embedding", {}, {"width": 100, "embedding_dims": [i * 10**4 for i in range(1, 9)]}),
        (
            "learning-rate",
            {},
            {"depth": 4, "learning_rates": [3.2e-4, 5.6e-4, 1e-3, 1.8e-3, 3.2e-3, 5.6e-3, 0.01, 0.018]},
        ),
        ("colorization", {}, {"depths": list(range(2, 8)), "embedding_dim": 450, "primary_activation": "elu"}),
        ("assumption1", {}, {"momentum": 0.5, "epochs": 50, "channels": 50, "width": 100, "batch_size": 64}),
        ("assumption2", {}, {"widths": list(range(1, 30)), "activations": ["elu"], "learning_rate": 1.0, "epochs": 2}),
    ],
)
def test_the_papers_settings(name, given, expected):
    found = resolve(find(f"modularity-{name}"), "paper", given)
    assert found["repetitions"] == 100
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(("key", "size"), [("samples", 1438), ("test_samples", 361)])
def test_more_examples_than_there_are_cannot_be_asked_for(tmp_path, key, size):
    with pytest.raises(ValueError, match=rf"`{key}` must be at most {size - 1}, 0 is all\. Received: {key}={size}"):
        reproduce("modularity-rotation-depth", tmp_path, budget="smoke", settings={key: size})


def test_parameters_are_those_of_the_papers_networks(tmp_path):
    """Parameters of Fig. 1b with i = 2 include the biases of f, e and q; the training is one update."""
    given = {"multiples": [2], "samples": 8, "test_samples": 8, "epochs": 1}
    rows = reproduce("modularity-synthetic-embedding", tmp_path, budget="paper", settings=given, repetitions=1)
    n_g, n_q = 1010, 10 * (100 + 2000) + 10
    counts = {row["method"]: row["parameters"] for row in rows}
    assert counts["embedding"] == n_q + 2 * 10**4 + 2 * 10**5 + (100 + 100 + 2000) + 11
    assert counts["hypernetwork"] == 10**4 + 2 * 10**4 + 200 * n_g + (100 + 200 + n_g)


def test_two_networks_side_by_side_learn_as_each_does_alone():
    """Networks of Assumption 1: f1 beside f2 ends as f1 alone, trained by NumPy; every unit begins with norm 1."""
    rng, momentum, rate = np.random.default_rng(0), 0.5, 0.1
    x, y = rng.normal(size=(12, 3, 3, 1)).astype("float32"), rng.normal(size=(12, 10)).astype("float32")
    both = assumptions._two_networks((3, 3, 1), 4, False, layer_seeds(1))
    begin = [w.astype("float64") for w in both.get_weights()]
    for kernel in begin[::2]:
        np.testing.assert_allclose((kernel**2).sum(axis=0), 1, rtol=1e-5)
    both.compile(keras.optimizers.SGD(rate, momentum), assumptions._sum_of_losses)
    both.fit(x, y, epochs=2, batch_size=12, verbose=0)
    for mine in ((0, 1, 4, 5), (2, 3, 6, 7)):  # hidden layers come before last ones
        w1, b1, w2, b2 = weights = [begin[i] for i in mine]
        speeds = [np.zeros_like(w) for w in weights]
        for _ in range(2):
            h = np.maximum(x.reshape(12, 9) @ w1 + b1, 0)
            d = 2 * (h @ w2 + b2 - y) / y.size
            back = (d @ w2.T) * (h > 0)
            gradients = (x.reshape(12, 9).T @ back, back.sum(axis=0), h.T @ d, d.sum(axis=0))
            for weight, speed, gradient in zip(weights, speeds, gradients, strict=True):
                speed *= momentum
                speed -= rate * gradient
                weight += speed
        for i, weight in zip(mine, weights, strict=True):
            np.testing.assert_allclose(both.get_weights()[i], weight, atol=1e-5)


@pytest.fixture
def trained(monkeypatch):
    """Function from an experiment's run and its arguments to the model and the task that it would train."""

    def run(function, *arguments):
        with monkeypatch.context() as patched:
            patched.setattr(modularity_runs, "_train", lambda model, settings, task, seed: (model, task))
            return function(*arguments)

    return run


@pytest.mark.parametrize(("pixels", "mean", "deviation"), [("normalized", 0.1307, 0.3081), ("unit", 0, 1)])
def test_every_epoch_turns_images_by_other_angles(trained, pixels, mean, deviation):
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 8, 1)).astype("uint8")
    settings = {**find("modularity-rotation-depth").settings["smoke"], "pixels": pixels}
    point = {"method": "embedding", "depth": 2}
    model, task = trained(modularity_runs.rotation, settings, point, 3, modularity_runs.Images(*images))
    epochs = [task.draw(epoch) for epoch in (0, 0, 1)]
    for (turned, original), _ in epochs:
        np.testing.assert_array_equal(original.reshape(6, 8, 8, 1), images[0])
        assert turned.dtype == np.uint8
    np.testing.assert_array_equal(epochs[0][0][0], epochs[1][0][0])
    assert (epochs[0][0][0] != epochs[2][0][0]).any(axis=1).all()
    np.testing.assert_array_equal(task.test[0][1].reshape(6, 8, 8, 1), images[1])
    (turned, original), classes = epochs[0]
    for one, image, found in zip(turned, original, classes, strict=True):
        angles = (30 * found + np.linspace(-15, 15, 1001)) % 360  # those of the class
        near = rotate(np.repeat(image.reshape(1, 8, 8, 1), 1001, axis=0), angles).reshape(1001, -1)
        assert (near != one).mean(axis=1).min() < 0.05
    scaled = [(x / 255 - mean) / deviation for x in (turned, original)]
    network = next(layer for layer in model.layers if layer.name == "mlp_embedding")
    expected = network.predict(scaled, verbose=0)
    np.testing.assert_allclose(model.predict([turned, original], verbose=0), expected, atol=1e-4)


def test_every_epoch_has_other_pixels(trained):
    images = np.random.default_rng(0).integers(0, 256, (2, 50, 5, 5, 3)).astype("uint8")
    settings, pair = find("modularity-colorization").settings["smoke"], modularity_runs.Images(*images)
    prepared = pair, modularity_runs.Images(grey(pair.train), grey(pair.test))
    _, task = trained(modularity_runs.colorization, settings, {"method": "embedding", "depth": 2}, 3, prepared)
    (features, shades), colours = task.draw(0)
    np.testing.assert_array_equal(shades, grey(images[0]))
    np.testing.assert_array_equal(task.draw(0)[0][0], features)
    assert (task.draw(1)[0][0] != features).any(axis=1).mean() > 0.5
    row, column = (np.rint((features[:, i] + 1) * 2).astype(int) for i in (0, 1))
    np.testing.assert_allclose((colours + 1) * 127.5, images[0][np.arange(50), row, column], atol=1e-4)
    np.testing.assert_array_equal(task.test[0][1], grey(images[1]))


def test_synthetic_examples_are_normal_and_held_out_ones_are_others(trained):
    settings = {**find("modularity-synthetic-depth").settings["smoke"], "samples": 4000, "test_samples": 3000}
    found = {}
    for method in ("embedding", "hypernetwork"):
        _, found[method] = trained(modularity_runs.synthetic, settings, {"method": method, "depth": 2}, 3, None)
    (x, condition), y = found["embedding"].draw(0)
    for part in (x, condition):
        assert part.shape == (4000, 12)
        assert abs(part.mean(axis=0)).max() < 5 / np.sqrt(4000)
        assert part.std(axis=0) == pytest.approx(1, abs=0.06)
    assert abs((x * condition).mean()) < 5 / np.sqrt(4000 * 12)
    assert not np.isin(found["embedding"].test[0][0], x).all(axis=1).any()
    np.testing.assert_array_equal(found["hypernetwork"].draw(1)[1], y)  # both learn the same
    assert found["embedding"].test[1].shape == (3000, 1)


@pytest.mark.every_backend
def test_the_command(zoo_command, tmp_path):
    arguments = ("reproduce", "modularity-synthetic-depth", "--budget", "smoke", "--out", tmp_path)
    more = ("--set", "type=2", "--set", "depths=[2]", "--set", 'methods=["hypernetwork"]', "--set", "learning_rate=0.1")
    code, printed, errors = zoo_command(*arguments, *more, "--repetitions", 2, "--seed", 5)
    assert code == 0, errors
    assert "[2/2] method hypernetwork, depth 2, repetition 1: loss" in printed
    rows = read_results(tmp_path / "results.jsonl")
    assert [(row["method"], row["depth"], row["repetition"], row["seed"]) for row in rows] == [
        ("hypernetwork", 2, 0, 5),
        ("hypernetwork", 2, 1, 5),
    ]
    assert rows[0]["settings"]["type"] == 2
    assert rows[0]["settings"]["learning_rate"] == 0.1
    assert rows[0]["command"].startswith("zoo reproduce modularity-synthetic-depth")
    code, printed, errors = zoo_command(*arguments, "--seed", 5)
    assert code == 1
    assert errors.startswith("error: The results in")
    assert "have learning_rate=0.1" in errors or "have type=2" in errors


def test_list_and_show(zoo_command):
    for pattern, wanted in {"mlp_*": ("mlp_embedding", "mlp_hypernetwork"), "modularity-*": NAMES}.items():
        code, printed, _ = zoo_command("list", pattern)
        assert code == 0
        assert {f"  {name}" for name in wanted} <= set(printed.splitlines())
    code, printed, _ = zoo_command("show", "modularity-rotation-depth")
    assert code == 0
    assert '"paper": "On the Modularity of Hypernetworks, section 5, Fig. 3"' in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["modularity-rotation"], "Did you mean 'modularity-rotation-depth'"),
        (["modularity-rotation-depth", "--set", "classes=7"], "`classes` must divide 360. Received: classes=7"),
        (["modularity-rotation-depth", "--set", "reading=papers"], "`reading` must be one of 'paper', 'code'"),
        (["modularity-rotation-depth", "--set", "pixels=raw"], "`pixels` must be one of 'normalized', 'unit'"),
        (["modularity-rotation-depth", "--set", "depth=3"], "Did you mean 'depths'"),
        (["modularity-rotation-depth", "--set", "data=cifar11"], "Did you mean 'cifar10'"),
        (["modularity-synthetic-depth", "--set", "type=5"], "`type` must be one of 1, 2, 3, 4. Received: type=5"),
        (["modularity-synthetic-depth", "--set", "init=hyperfan"], "`init` must be one of"),
        (["modularity-synthetic-depth", "--set", "activation=rellu"], "`activation` must be a Keras activation"),
        (["modularity-colorization", "--set", "data=digits"], "`images` must have 3 channels"),
        (["modularity-assumption1", "--set", "data=digits"], "`data` must have images from 28x28 up"),
        (["modularity-assumption2", "--set", 'activations=["x"]'], "`activations` must be a Keras activation"),
    ],
)
def test_bad_input_is_one_error_and_writes_nothing(zoo_command, tmp_path, arguments, message):
    code, _, errors = zoo_command("reproduce", *arguments, "--budget", "smoke", "--out", tmp_path / "out")
    assert code == 1
    assert errors.startswith("error: ")
    assert message in errors
    assert not (tmp_path / "out").exists()
