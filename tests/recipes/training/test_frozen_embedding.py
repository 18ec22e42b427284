"""A new linear layer over a trained and frozen embedding network."""

import keras
import numpy as np
import pytest

import zoo
from zoo.recipes.training.frozen_embedding import take_frozen_embedding
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.train import build, train
from zoo.recipes.training.trained import load_trained

SMALL = {"depth": 6, "embedding_dim": 8}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A few digits as an .npz file."""
    data = zoo.data.load("digits")
    path = tmp_path_factory.mktemp("data") / "few.npz"
    parts = {"train": data.train, "val": data.val, "test": data.test}
    arrays = {f"{axis}_{name}": getattr(split, axis)[:64] for name, split in parts.items() for axis in "xy"}
    np.savez(path, **arrays)
    return str(path)


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory, train_only):
    """The folder of a short run of the CFNN."""
    out = tmp_path_factory.mktemp("runs") / "cfnn"
    options = {**SMALL, "samples": 2}
    train_only(Recipe("cfnn", "hypernet_cfnn", digits, options=options, epochs=1, batch_size=32), out)
    return out


def test_only_the_new_layer_is_trained(run, digits, tmp_path):
    recipe = Recipe("frozen", "hypernet_deterministic", digits, options=SMALL, epochs=2, batch_size=32, seed=3)
    recipe = recipe.replace({"frozen_from": str(run)})
    first = build(recipe, zoo.data.load(digits))
    assert [weight.name for weight in first.trainable_weights] == ["kernel", "bias"]
    rows = train(recipe, tmp_path / "frozen", verbose=0)
    assert [row["vote"] for row in rows] == ["none"]
    source, after = load_trained(str(run)).model, load_trained(str(tmp_path / "frozen")).model
    frozen, kept = (keras.Model(m.input, m.get_layer("embedding").output).get_weights() for m in (after, source))
    for a, b in zip(frozen, kept, strict=True):
        np.testing.assert_array_equal(a, b)
    head = [model.get_layer("logits").get_weights()[0] for model in (first, after)]
    assert (head[0] != head[1]).any()


@pytest.mark.parametrize(
    ("name", "options", "run_name", "message"),
    [
        ("hypernet_deterministic", {"depth": 10, "embedding_dim": 8}, "cfnn", "same embedding network"),
        ("resnet20_dropout", {"depth": 8}, "cfnn", "'resnet20_dropout'"),
        ("hypernet_deterministic", SMALL, "nowhere", "nowhere"),
    ],
)
def test_refusals(run, name, options, run_name, message):
    with pytest.raises(ValueError, match=message):
        take_frozen_embedding(zoo.build(name, input_shape=(8, 8, 1), **options), str(run.with_name(run_name)))
