"""Shipped weights are what the manifest says."""

import pytest
from few_on_jax import few_on_jax

import zoo
from zoo.weights import pretrained


@pytest.mark.parametrize("names", few_on_jax(zoo.list_weights(), ("resnet20_cfnn", "digits")), ids="-".join)
def test_shipped_weights_score_what_their_card_says(names, fully_compiled):
    model, weights = names
    row = next(row for row in pretrained.manifest() if (row["model"], row["weights"]) == (model, weights))
    built = zoo.build(model, weights=weights, seed=0)
    assert built.count_params() == row["parameters"]
    assert (pretrained.folder() / row["file"]).with_name("README.md").is_file()
    names = zoo.registry.find_weights(model, weights).class_names
    assert len(set(names)) == row["options"]["classes"]
    assert names[0] == {"digits": "0", "cifar10": "airplane"}[row["data"]]
    if row["data"] != "digits":
        pytest.skip(f"{row['data']} is not embedded")
    test = zoo.data.load("digits").test
    result = zoo.random_accuracy(built, test.x, test.y, samples=25)
    assert row["score"]["n"] == len(test.y)
    assert row["score"]["low"] <= result.accuracy <= row["score"]["high"]
