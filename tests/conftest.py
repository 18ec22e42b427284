"""Fixtures of all tests; what depends on no backend runs once, on TensorFlow."""

import os
import sys
from pathlib import Path

import keras
import pytest

from zoo import registry
from zoo.recipes import cli

RECIPES = Path(__file__).with_name("recipes")


def pytest_configure():
    """Compile fast on JAX, here and in every process that a test starts.

    XLA's optimisations take longer than they save in tests, a third of the time; no law is theirs.
    """
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_disable_most_optimizations", True)


def pytest_collection_modifyitems(items):
    """Skip on other backends what does not touch them or is tested there otherwise, and the recipes' laws."""
    for item in items:
        for mark in item.iter_markers("not_on"):
            if keras.backend.backend() == mark.args[0]:
                item.add_marker(pytest.mark.skip(reason=f"not on {mark.args[0]}: {mark.args[1]}"))
    if keras.backend.backend() == "tensorflow":
        return
    skip = pytest.mark.skip(reason="runs on TensorFlow")
    for item in items:
        above = RECIPES in item.path.parents and not item.get_closest_marker("every_backend")
        if above or any(map(item.get_closest_marker, ("backend_free", "on_tensorflow"))):
            item.add_marker(skip)


@pytest.fixture
def fully_compiled():
    """Compile with all of XLA's optimisations on JAX: for a test that computes for longer than they take."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture
def own_registry(monkeypatch):
    """`register` of a registry of models that has the real ones and forgets the others after the test."""
    monkeypatch.setattr(registry, "_MODELS", dict(registry._MODELS))
    return registry.register


@pytest.fixture
def empty_registry(monkeypatch):
    """`register` of a registry of models that begins empty and ends with the test."""
    monkeypatch.setattr(registry, "_MODELS", {})
    return registry.register


@pytest.fixture
def zoo_command(monkeypatch, capsys):
    """Run the command in this process: (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["zoo", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as left:
            code = left.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
