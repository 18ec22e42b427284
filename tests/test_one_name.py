"""One installed name: a user's own modules are never ours, and ours are never there twice."""

import subprocess
import sys
from pathlib import Path

import pytest

import zoo

ROOT = Path(zoo.__file__).parents[1]


def run(code, folder):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=False)


def test_a_project_has_modules_of_these_names(tmp_path):
    for name in ("layers", "recipes", "tests", "models", "data"):
        (tmp_path / f"{name}.py").write_text(f"WHOSE = 'user {name}'\n")
    code = """
import zoo, layers, recipes, tests
from zoo.recipes.training.recipe import names
model = zoo.build("stochastic_mlp", seed=0)
print(zoo.layers.__name__, layers.WHOSE, recipes.WHOSE, tests.WHOSE, len(names()) > 10)
"""
    done = run(code, tmp_path)
    assert done.stdout == "zoo.layers user layers user recipes user tests True\n", done.stderr


def test_the_package_is_not_inside_itself():
    with pytest.raises(ImportError):
        import zoo.zoo  # noqa: F401


def test_a_checkout_gives_no_second_copies():
    if not all((ROOT / name).is_dir() for name in ("layers", "recipes")):
        pytest.skip("no checkout")
    code = """
import zoo
for name in ("layers", "recipes"):
    try:
        __import__(name)
    except ImportError as refusal:
        print(refusal)
"""
    done = run(code, ROOT)
    assert done.stdout == "Import zoo.layers, not layers.\nImport zoo.recipes, not recipes.\n", done.stderr


def test_the_version_is_the_installed_one():
    from importlib.metadata import version

    assert zoo.__version__ == version("coinflip-zoo")
