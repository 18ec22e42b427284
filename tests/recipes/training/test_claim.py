"""What a run claims of a paper: its table for the setting of the recipe, and what differs for another."""

import pytest

from zoo.recipes.training.claim import claim
from zoo.recipes.training.recipe import Recipe, find
from zoo.weights.pretrained import manifest

pytestmark = pytest.mark.backend_free
TABLE = "Coin-Flipping Neural Networks, Table 3"


@pytest.mark.parametrize("free", [{}, {"seed": 3}, {"samples": [1, 7]}, {"epochs": 20}])
def test_the_setting_of_the_paper(free):
    assert claim(find("resnet20_cfnn_cifar10").replace(free)) == TABLE


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"depth": 8}, "options.depth=8 in place of None"),
        ({"options.samples": 1}, "options.samples=1 in place of None"),
        ({"data": "digits", "weight_decay": 0.1}, "data='digits' in place of 'cifar10', options.weight_decay=0.1 in"),
        ({"start_from": "run"}, "start_from='run' in place of None"),
    ],
)
def test_another_setting_is_named(changes, named):
    said = claim(find("resnet20_cfnn_cifar10").replace(changes))
    assert said.startswith(f"Not the setting of {TABLE}, no table is claimed: ")
    assert named in said


def test_published_weights_claim_what_their_settings_allow():
    for row in manifest():
        assert row["claim"] == claim(Recipe(**row["recipe"])), (row["model"], row["weights"])


def test_no_paper():
    assert claim(Recipe("own", "resnet20_cfnn")) == "Our own setting; no table of a paper is claimed."
