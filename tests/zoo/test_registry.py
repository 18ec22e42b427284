import inspect
import re

import keras
import pytest

import zoo
from zoo import registry
from zoo.models import dropout_resnet as resnet

SMALL = {"input_shape": (8, 8, 1), "depth": 8}


@pytest.fixture
def models(empty_registry):
    """A registry of three toys."""

    def b_net(units=2, rate=0.5, seed=None):
        """Toy of a docstring."""
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(units)])

    register = empty_registry("Of Toys", "section 9", search={"units": [1, 2]})
    register(b_net)
    for name in ("a_net", "c"):
        empty_registry("Of Toys", "section 9")(_named(name))
    return register


def _named(name):
    def builder(seed=None):
        return keras.Sequential([keras.Input((1,))])

    builder.__name__ = name
    return builder


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", ["a_net", "b_net", "c"]),
        ("*net", ["a_net", "b_net"]),
        ("c", ["c"]),
        ("?_net", ["a_net", "b_net"]),
        ("[bc]*", ["b_net", "c"]),
        ("resnet*", []),
    ],
)
def test_list_models_matches_shell_patterns(models, pattern, names):
    assert zoo.list_models(pattern) == names


def test_list_models_lists_everything(models):
    assert zoo.list_models() == ["a_net", "b_net", "c"]


def test_the_zoo_has_the_resnets():
    assert zoo.list_models("resnet20_*") == ["resnet20_cfnn", "resnet20_dropout"]


@pytest.mark.parametrize("describe", [zoo.build, zoo.card])
def test_unknown_model_gets_a_hint(describe):
    with pytest.raises(ValueError, match=r"Did you mean 'resnet20_cfnn'\?.*name='resnet20_cfn'"):
        describe("resnet20_cfn")


@pytest.mark.parametrize("name", ["", "zzz", None])
def test_unknown_model_without_a_hint_lists_what_there_is(models, name):
    with pytest.raises(ValueError, match=rf"Allowed: a_net, b_net, c. Received: name={name!r}") as error:
        zoo.build(name)
    assert "Did you mean" not in str(error.value)


def test_unknown_option_gets_a_hint():
    with pytest.raises(ValueError, match=r"Did you mean 'samples'\?.*option='sample'"):
        zoo.build("resnet20_cfnn", sample=3)


def test_a_name_is_registered_once(models):
    first = registry.find("c").builder
    with pytest.raises(ValueError, match="name='c'"):
        models(_named("c"))
    assert registry.find("c").builder is first


def test_search_must_name_an_option(models):
    with pytest.raises(ValueError, match=r"Did you mean 'units'\?.*search='unit'"):
        registry.register("p", "s", search={"unit": [1]})(_toy_with_units)
    assert zoo.list_models("_toy*") == []


def _toy_with_units(units=1, seed=None):
    return keras.Sequential()


def test_entry_remembers_what_was_registered(models):
    entry = registry.find("b_net")
    assert (entry.paper, entry.section, entry.search) == ("Of Toys", "section 9", {"units": [1, 2]})
    assert entry.options == {"units": 2, "rate": 0.5}


def test_build_names_the_model():
    model = zoo.build("resnet20_dropout", **SMALL)
    assert type(zoo.build("conv6", input_shape=(8, 8, 1), width=0.1)).__name__ == "Functional"
    assert isinstance(model, keras.Model)
    assert model.name == "resnet20_dropout"
    assert zoo.build("resnet20_dropout", name_in_model="mine", **SMALL).name == "mine"


def test_build_passes_the_options_on():
    model = zoo.build("resnet20_cfnn", classes=7, samples=4, rate=0.25, **SMALL)
    assert model.input_shape == (None, 8, 8, 1)
    assert model.output_shape == (None, 7)
    assert {layer.rate for layer in model.layers if hasattr(layer, "flip_at_inference")} == {0.25}
    assert {layer.samples for layer in model.layers if hasattr(layer, "samples")} == {4}


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "x"])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(ValueError, match=rf"`seed` must .*seed={seed!r}"):
        zoo.build("resnet20_cfnn", seed=seed, **SMALL)


def test_card_of_a_model_without_weights(models):
    assert zoo.card("b_net").splitlines() == [
        *("# b_net", "", "Toy of a docstring.", ""),
        *("Paper: Of Toys, section 9", "", "## Options", "", "- `units` = `2`", "- `rate` = `0.5`", ""),
        *("## Weights", "", "none"),
    ]


@pytest.mark.parametrize("builder", [resnet.resnet20_cfnn, resnet.resnet20_dropout])
def test_card_tells_paper_options_and_weights(builder):
    card = zoo.card(builder.__name__)
    assert "Coin-Flipping Neural Networks" in card
    assert "Table 3" in card
    assert inspect.getdoc(builder).splitlines()[0] in card
    for option, parameter in inspect.signature(builder).parameters.items():
        assert (f"- `{option}` = `{parameter.default!r}`" in card) == (option != "seed")
    assert re.search(r"## Weights\n\n(none|- )", card)
