"""Every coin model of the registry, trained a little: its flips still differ.

Trained at the recipes' rate without a warm-up, the generators of `hypernet_cfnn` die within 60 updates: its flips are
then equal in every bit, and with one their probabilities deviate by up to 0.026.
"""

import numpy as np
import pytest

import zoo
from zoo.data.split import Split
from zoo.layers.coins import is_coin
from zoo.recipes.training.evaluate import evaluate
from zoo.recipes.training.recipe import find
from zoo.recipes.training.trained import load_trained

# Small options of each, and the recipe that trains it; those without one are fitted to points, or not trained at all.
_EPOCHS = {"hypernet_cfnn": 6}  # past the updates at which its generators would die
_COINS = {
    "ball_cfnn": ({"samples": 25}, None),
    "cone_cfnn": ({"dim": 2, "samples": 25}, None),
    "hypernet_cfnn": ({"depth": 2, "samples": 5}, "hypernet_cfnn_digits"),
    "resnet20_cfnn": ({"depth": 8, "samples": 3}, "resnet20_cfnn_digits"),
    "resnet20_dropout": ({"depth": 8}, "resnet20_dropout_digits"),
    "stochastic_mlp": ({"samples": 25}, None),
    "tangent_cfnn": ({"samples": 25}, None),
}


def test_the_table_has_every_model_with_coins():
    """But for the deeper ResNets, which the builder of `resnet18` makes too."""
    for name in zoo.list_models():
        if name not in _COINS and not name.startswith(("resnet34", "resnet50", "resnet101")):
            assert not any(is_coin(layer) for layer in zoo.build(name).layers), name


@pytest.mark.parametrize("name", sorted(_COINS))
def test_flips_differ_after_training(name, tmp_path, train_only):
    """On inputs of no class, where coins that live have most to decide."""
    options, recipe = _COINS[name]
    rng = np.random.default_rng(0)
    if recipe is None:
        model = zoo.build(name, seed=0, **options)
        x = rng.normal(size=(200, *model.input_shape[1:])).astype("float32")
        if model.trainable_weights:
            model.compile("sgd", "sparse_categorical_crossentropy")
            model.fit(x, (np.abs(x).sum(-1) > 1.5).astype(int), batch_size=20, epochs=6, verbose=0)
    else:
        settings = {"epochs": _EPOCHS.get(name, 1), "samples": [1]}
        settings |= {f"options.{key}": value for key, value in options.items()}
        train_only(find(recipe).replace(settings), tmp_path / "run")
        model = load_trained(str(tmp_path / "run"), seed=0).model
        x = rng.integers(0, 256, (1000 if name in _EPOCHS else 100, 8, 8, 1)).astype("uint8")
        if name == "resnet20_dropout":  # its coins are off at inference until somebody asks for them
            model = zoo.amplify(model, 25)
    if name in _EPOCHS:  # few of its flips fall on another class than the rest; dead coins have a deviation of 0
        assert zoo.uncertainty(model, x, 50, seed=1).standard_deviation.max() > 1e-3
        return
    row = evaluate(model, Split(x, np.zeros(len(x), int)), [10], ["majority"])[0]
    assert row["disagreement"] > 0
    assert row["winning_share"] < 1
