"""Training that starts from the weights of another."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tiny

import zoo
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.start_from import with_options_of_start
from zoo.recipes.training.train import build
from zoo.recipes.training.trained import load_trained

SMALL = {"depth": 8, "samples": 1}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    data = zoo.data.load("digits")
    path = tmp_path_factory.mktemp("data") / "few.npz"
    parts = {"train": data.train, "val": data.val, "test": data.test}
    np.savez(path, **{f"{a}_{name}": getattr(split, a)[:64] for name, split in parts.items() for a in "xy"})
    return str(path)


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory, train_only):
    out = tmp_path_factory.mktemp("runs") / "one_flip"
    train_only(Recipe("one", "resnet20_dropout", digits, options={"depth": 8}, epochs=1, batch_size=32), out)
    return out


@pytest.mark.parametrize("kind", ["run", "file"])
def test_all_weights_are_taken_and_the_coins_are_its_own(run, digits, kind):
    """From a run of the deterministic twin, or a file of its weights, to a network of three flips."""
    source = str(run if kind == "run" else run / "last.weights.h5")
    recipe = Recipe("more", "resnet20_cfnn", digits, options={"depth": 8, "samples": 3, "rate": 0.2}, seed=5)
    model = build(recipe.replace({"start_from": source}), zoo.data.load(digits))
    for a, b in zip(model.get_weights(), load_trained(str(run)).model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    fresh = build(recipe, zoo.data.load(digits))
    coins = [
        [layer.seed_generator.state for layer in m.layers if hasattr(layer, "seed_generator")] for m in (model, fresh)
    ]
    assert coins[0]
    for a, b in zip(*coins, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert model.output_shape == (None, 10)
    assert int(model.optimizer.iterations) == 0


def test_another_data_set_takes_all_but_the_head_and_the_options_of_the_weights(run, digits, tmp_path):
    """The run has depth 8, which the recipe does not say."""
    path = tiny.write_npz(tmp_path / "three_classes.npz")
    recipe = Recipe("three", "resnet20_cfnn", path, options={"samples": 3}, start_from=str(run))
    with pytest.warns(UserWarning, match=r"the head of 10 classes of 'resnet20_dropout' is not taken. That of 3"):
        model = build(recipe, zoo.data.load(path))
    taken, before = model.get_weights(), load_trained(str(run)).model.get_weights()
    for a, b in zip(taken[:-2], before[:-2], strict=True):
        np.testing.assert_array_equal(a, b)
    assert (taken[-2].shape, before[-2].shape) == ((64, 3), (64, 10))
    assert with_options_of_start(recipe, {"input_shape": (8, 8, 1), "classes": 3}).options == {"samples": 3, "depth": 8}


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """Digits whose classes are called a to j."""
    x, y = zoo.data.load("digits").train
    names = np.array(list("abcdefghij"))
    path = tmp_path_factory.mktemp("data") / "letters.npz"
    np.savez(path, x_train=x[:64], y_train=names[y[:64]], x_test=x[64:99], y_test=names[y[64:99]])
    return str(path)


@pytest.mark.parametrize(("names", "taken"), [(list("abcdefghij"), True), (list("bacdefghij"), False), (None, False)])
def test_the_head_is_taken_by_the_names_of_the_classes(run, letters, tmp_path, names, taken):
    """Of a run on classes of these names; None are numbers."""
    source = shutil.copytree(run, tmp_path / "named")
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, "class_names": names}))
    recipe = Recipe("letters", "resnet20_dropout", letters, start_from=str(source), seed=5)
    before = load_trained(str(run)).model.get_weights()
    if taken:
        model = build(recipe, zoo.data.load(letters))
    else:
        other = f"whose class 0 is '{(names or ['0'])[0]}' and not 'a', is not taken"
        with pytest.warns(UserWarning, match=f"the head of 10 .*, {other}"):
            model = build(recipe, zoo.data.load(letters))
    weights = model.get_weights()
    np.testing.assert_array_equal(weights[0], before[0])
    assert (weights[-2] == before[-2]).all() == taken


def test_published_weights_know_their_classes(letters, digits):
    recipe = Recipe("letters", "resnet20_cfnn", letters, options={"samples": 1}, start_from="digits")
    with pytest.warns(UserWarning, match="weights='digits' .*, whose class 0 is '0' and not 'a', is not taken"):
        build(recipe, zoo.data.load(letters))
    build(dataclasses.replace(recipe, data=digits), zoo.data.load(digits))  # these are the same: no warning


@pytest.mark.parametrize(
    ("options", "source", "error", "message"),
    [
        ({"depth": 14}, "RUN", ValueError, r"of 'resnet20_dropout' need depth=8. Received: depth=14"),
        ({"depth": 8, "classes": 9}, "RUN", ValueError, r"`classes` must be at least those of the data, 10 in"),
        ({"depth": 8}, "nowhere", ValueError, "`start_from` must be .*start_from='nowhere'"),
        ({"depth": 8}, "nowhere.weights.h5", FileNotFoundError, "nowhere.weights.h5"),
    ],
)
def test_refusals(run, digits, options, source, error, message):
    recipe = Recipe("r", "resnet20_cfnn", digits, options=options, start_from=source.replace("RUN", str(run)))
    with pytest.raises(error, match=message):
        build(recipe, zoo.data.load(digits))
