"""Recipes of IteRand against the paper's appendix B.2."""

import pytest

from zoo.recipes.training.recipe import find, names

pytestmark = pytest.mark.backend_free
CIFAR = {
    "conv6": (0.01, 0.2, 1e-4, 0.5),
    "resnet18": (0.1, 0.1, 5e-4, 0.6),
    "resnet34": (0.1, 0.1, 5e-4, 0.6),
}
IMAGENET = dict.fromkeys(("resnet18", "resnet34", "resnet50", "resnet101"), (0.1, 0.1, 1e-4, 0.7))
SETS = {"cifar10": (CIFAR, 300), "imagenet2012": (IMAGENET, 1000)}
WEIGHTS = {"sc": "signed_kaiming_constant", "ku": "kaiming_uniform"}
ALL = [(data, network) for data, (networks, _) in SETS.items() for network in networks]


def test_every_network_has_every_method_and_nothing_else():
    kinds = ["", *(f"_{method}_{short}" for method in ("edge_popup", "iterand") for short in WEIGHTS)]
    wanted = {f"{network}{kind}_{data}" for data, network in ALL for kind in kinds}
    assert {name for name in names() if "IteRand" in find(name).paper} == wanted


@pytest.mark.parametrize(("data", "network"), ALL)
def test_the_paper_s_numbers(data, network):
    sgd, rate, weight_decay, sparsity = SETS[data][0][network]
    dense = find(f"{network}_{data}")
    assert (dense.model, dense.learning_rate, dense.randomize_period) == (network, sgd, None)
    assert set(dense.options) == {"weight_decay", "mean", "variance"}
    for short, kernel in WEIGHTS.items():
        for method, period in (("edge_popup", None), ("iterand", SETS[data][1])):
            recipe = find(f"{network}_{method}_{short}_{data}")
            assert recipe.model == f"{network}_{method}"
            assert (recipe.learning_rate, recipe.randomize_period, recipe.randomize_rate) == (rate, period, 0.1)
            assert (recipe.options["sparsity"], recipe.options["kernel_initializer"]) == (sparsity, kernel)
            assert recipe.options["weight_decay"] == dense.options["weight_decay"] == weight_decay


@pytest.mark.parametrize("name", [name for name in names() if "IteRand" in find(name).paper])
def test_what_all_of_a_set_have_in_common(name):
    recipe = find(name)
    settings = (recipe.optimizer, recipe.momentum, recipe.batch_size, recipe.schedule, recipe.precision, recipe.samples)
    assert settings == ("sgd", 0.9, 128, "cosine_per_epoch", "float32", (1,))
    assert recipe.options["mean"] == pytest.approx([0.485, 0.456, 0.406])
    assert recipe.options["variance"] == pytest.approx([0.052441, 0.050176, 0.050625])
    epochs = (recipe.warmup_epochs, recipe.epochs, recipe.final_epochs)
    if recipe.data == "cifar10":
        assert (epochs, recipe.augment, recipe.validation) == ((0, 100, 0), "crop_flip", None)
        assert recipe.paper.endswith("Table 3")
    else:
        assert (epochs, recipe.augment, recipe.validation) == ((5, 105, 5), "resized_crop_flip", 0.01)
        assert recipe.paper.endswith("Table 4")
