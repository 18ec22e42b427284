"""Recipes as data: what they refuse, how they are changed, found and written; and the papers' own settings."""

import json

import pytest

from zoo.recipes.training import recipe as registry
from zoo.recipes.training.recipe import Recipe, find, names


def test_round_trip_through_json(recipe):
    changed = recipe.replace({"samples": [2, 3], "options.samples": 7, "rate": 0.2, "learning_rate": 0.5})
    again = Recipe.from_dict(json.loads(json.dumps(changed.to_dict())))
    assert again == changed
    assert again.samples == (2, 3)
    assert again.options == {"samples": 7, "rate": 0.2}
    assert again.learning_rate == 0.5
    assert recipe.options == {}


def test_every_field_takes_another_value(recipe):
    values = {
        "name": "other", "model": "resnet20_cfnn", "data": "digits", "paper": "P", "options": {"depth": 8},
        "augment": "crop_flip", "optimizer": "adam", "learning_rate": 1, "momentum": 0.5, "batch_size": 2, "epochs": 9,
        "schedule": "cosine_per_epoch", "warmup_epochs": 2, "final_epochs": 1, "validation": 0.2, "samples": (3,),
        "randomize_period": 30, "randomize_rate": 0.5, "precision": "mixed_bfloat16",
        "frozen_from": "run", "start_from": "other_run", "seed": 8, "image_size": (16, 24), "resize": "crop",
    }  # fmt: skip
    assert set(values) == set(recipe.to_dict())
    assert all(recipe.to_dict()[key] != value for key, value in values.items())
    changed = Recipe.from_dict(values)
    assert all(getattr(changed, key) == value for key, value in values.items())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("augment", "flip"), ("optimizer", "sgdd"), ("schedule", "linear"), ("precision", "float16"),
        ("batch_size", 0), ("batch_size", 1.5), ("epochs", 0), ("epochs", True), ("epochs", "ten"),
        ("samples", []), ("samples", [0]), ("samples", [1.5]), ("seed", -1), ("seed", 2**32), ("seed", None),
        ("learning_rate", 0), ("learning_rate", "fast"), ("learning_rate", float("nan")), ("momentum", 1),
        ("samples", 5), ("frozen_from", 5), ("start_from", 5), ("warmup_epochs", -1), ("warmup_epochs", "one"),
        ("data", 5), ("name", None), ("options", []), ("model", "mlp_hypernetwork"),
    ],
)  # fmt: skip
def test_a_value_out_of_range(recipe, key, value):
    with pytest.raises(ValueError, match=rf"`{key}` must be .* Received: {key}="):
        recipe.replace({key: value})


@pytest.mark.parametrize(
    ("key", "nearest"), [("lerning_rate", "learning_rate"), ("options.rates", "options.rate"), ("Epochs", "epochs")]
)
def test_an_unknown_key(recipe, key, nearest):
    with pytest.raises(ValueError, match=f"Unknown key. Did you mean '{nearest}'"):
        recipe.replace({key: 1})
    with pytest.raises(ValueError, match=r"Unknown key."):
        Recipe.from_dict({**recipe.to_dict(), key: 1})


def test_an_unknown_model_or_option(recipe):
    with pytest.raises(ValueError, match="Did you mean 'tiny_cfnn'"):
        recipe.replace({"model": "tiny_cfn"})
    with pytest.raises(ValueError, match="Did you mean 'rate'"):
        Recipe.from_dict({**recipe.to_dict(), "options": {"rat": 0.1}})


def test_find_by_name_and_by_file(recipe, tmp_path):
    path = tmp_path / "own.json"
    path.write_text(json.dumps(recipe.to_dict()))
    assert find(str(path)) == recipe
    assert [find(name).name for name in names()] == names()
    with pytest.raises(ValueError, match="Did you mean 'resnet20_cfnn_digits'"):
        find("resnet20_cfnn_digit")
    with pytest.raises(FileNotFoundError):
        find(str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "bad.json' is no JSON that can be read"),
        (f'{{"epochs": 1{"0" * 400}}}', "401 digits is beyond 64 bits"),
        ("[1]", "one JSON object"),
        ("{}", "Missing: model, name"),
        ('{"name": "x"}', "model"),
    ],
)
def test_a_file_that_is_no_recipe(tmp_path, content, message):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        find(str(path))


def test_a_name_is_taken_once(recipe, monkeypatch):
    monkeypatch.setattr(registry, "_RECIPES", {})
    registry.register(recipe)
    with pytest.raises(ValueError, match="already registered"):
        registry.register(recipe)


@pytest.mark.parametrize("name", ["resnet20_cfnn_cifar10", "resnet20_cfnn_cifar100", "resnet20_dropout_cifar10"])
def test_the_paper_s_setting(name):
    recipe = find(name)
    settings = (recipe.optimizer, recipe.momentum, recipe.learning_rate, recipe.schedule, recipe.batch_size)
    assert (*settings, recipe.epochs) == ("sgd", 0.9, 0.1, "cosine", 128, 200)
    assert recipe.options["weight_decay"] == 5e-3
    assert "Table 3" in recipe.paper


def test_options_as_a_whole_and_one_by_one_are_the_same_in_any_order():
    recipe = Recipe("x", "conv6", options={"mean": 0.4})
    given = {"width": 0.25, "options": {"weight_decay": 0.001}}
    found = [recipe.replace(dict(items)).options for items in (given.items(), reversed(given.items()))]
    assert found == [{"weight_decay": 0.001, "width": 0.25}] * 2
    assert given == {"width": 0.25, "options": {"weight_decay": 0.001}}
    with pytest.raises(ValueError, match="`options` must be a dict"):
        recipe.replace({"options": 5, "width": 0.1})
