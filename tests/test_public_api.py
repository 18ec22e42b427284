"""The public names, signatures, commands and registered names: they change on purpose only, with public_api.json."""

import inspect
import json
from pathlib import Path

import keras
import typer

import zoo
from zoo import layers, probes, scores, theory
from zoo.recipes import cli
from zoo.recipes.experiments import experiment
from zoo.recipes.training import recipe

FROZEN = json.loads(Path(__file__).with_name("public_api.json").read_text())


def signature(function):
    """Parameters with their defaults, without annotations."""
    found = inspect.signature(function).parameters.values()
    names = [str(p).split(":")[0].split(" = ")[0].strip() for p in found]
    return [n if p.default is p.empty else f"{n}={p.default!r}" for n, p in zip(names, found, strict=True)]


def signatures(module, names):
    return {name: signature(getattr(module, name)) for name in names if callable(getattr(module, name))}


def test_zoo():
    assert signatures(zoo, zoo.__all__) == FROZEN["zoo"]
    assert set(dir(zoo)) == {*zoo.__all__, "__version__", "theory", "tuning"}


def test_layers():
    assert signatures(layers, layers.__all__) == FROZEN["layers"]


def test_probes():
    assert signatures(probes, probes.__all__) == FROZEN["probes"]


def test_scores():
    assert signatures(scores, scores.__all__) == FROZEN["scores"]


def test_theory():
    own = [n for n, f in vars(theory).items() if inspect.isfunction(f) and f.__module__ == "zoo.theory" and n[0] != "_"]
    assert signatures(theory, own) == FROZEN["theory"]


def test_data():
    assert signature(zoo.data.load) == FROZEN["data.load"]


def test_models():
    assert zoo.list_models() == sorted(FROZEN["models"])
    for name, parameters in FROZEN["models"].items():
        assert signature(zoo.registry.find(name).builder) == parameters


def test_published_weights_stay():
    assert {tuple(pair) for pair in FROZEN["weights"]} <= set(zoo.list_weights())


def test_recipes_and_experiments():
    assert recipe.names() == FROZEN["recipes"]
    assert experiment.names() == FROZEN["experiments"]


def test_commands_and_their_options():
    commands = typer.main.get_command(cli.app).commands
    found = {name: sorted(o for p in command.params for o in p.opts) for name, command in commands.items()}
    assert found == FROZEN["commands"]


def test_names_in_saved_files():
    recipe.names()
    assert {n for n in keras.saving.get_custom_objects() if n.startswith("coinflip_zoo>")} >= set(FROZEN["registered"])
