"""The warm-up against its formula, before every schedule of a recipe."""

import keras
import numpy as np
import pytest

import zoo
from zoo.data.datasets import load
from zoo.recipes.training.linear_warmup import LinearWarmup
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.train import _optimizer, build

pytestmark = pytest.mark.every_backend


def rates(schedule, steps):
    return np.array([float(schedule(step)) for step in steps])


def test_it_grows_from_zero_and_hands_over():
    after = keras.optimizers.schedules.CosineDecay(0.4, 20)
    schedule = LinearWarmup(after, 8)
    np.testing.assert_allclose(rates(schedule, range(8)), 0.4 * np.arange(8) / 8, rtol=1e-6)
    np.testing.assert_allclose(rates(schedule, range(8, 30)), rates(after, range(22)), rtol=1e-6)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    np.testing.assert_array_equal(rates(copy, range(30)), rates(schedule, range(30)))


@pytest.mark.parametrize("schedule", ["cosine", "cosine_per_epoch", "constant"])
def test_every_schedule_of_a_recipe_warms_up_in_fractions_of_an_epoch(schedule):
    """Digits: 1,257 examples, of which 180 for validation, in batches of 128: 10 updates an epoch."""
    recipe = Recipe("r", "resnet20_dropout", options={"depth": 8}, schedule=schedule, epochs=4, warmup_epochs=0.5)
    data = zoo.data.load("digits")
    updates = -(-len(data.train.x) // recipe.batch_size)
    rate = build(recipe, data).optimizer._learning_rate
    warmup = round(0.5 * updates)
    np.testing.assert_allclose(rates(rate, range(warmup)), 0.1 * np.arange(warmup) / warmup, rtol=1e-6)
    assert float(rate(warmup)) == pytest.approx(0.1)
    last = float(rate(4 * updates - 1))
    assert last == pytest.approx(0.1) if schedule == "constant" else last < 0.03


@pytest.mark.parametrize(
    ("warmup", "message"),
    [(-1, "warmup_epochs"), ("1", "warmup_epochs"), (float("nan"), "warmup_epochs"), (4, "epochs"), (True, "warmup")],
)
def test_refusals(warmup, message):
    with pytest.raises(ValueError, match=message):
        Recipe("r", "resnet20_dropout", epochs=4, warmup_epochs=warmup)


def test_a_warm_up_of_nearly_all_of_few_updates_leaves_one():
    recipe = Recipe("r", "resnet20_dropout", epochs=1, warmup_epochs=0.9)
    rate = _optimizer(recipe, 3).learning_rate
    assert float(rate) == 0.0


@pytest.mark.parametrize("classes", ["ten", None])
def test_classes_are_a_number(classes):
    recipe = Recipe("r", "conv6", options={"classes": classes})
    with pytest.raises(ValueError, match="`classes` must be a positive int"):
        build(recipe, load("digits"))
