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


@pytest.mark.parametrize("name", ["layers", "recipes"])
def test_a_checkout_gives_no_second_copies(name):
    if not (ROOT / name).is_dir():
        pytest.skip("no checkout")
    done = run(f"import zoo; import {name}", ROOT)
    assert f"Import zoo.{name}, not {name}." in done.stderr


def test_the_version_is_the_installed_one():
    from importlib.metadata import version

    assert zoo.__version__ == version("coinflip-zoo")
