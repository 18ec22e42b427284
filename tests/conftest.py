"""Fixtures of all tests; what depends on no backend runs once, on TensorFlow."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import keras
import pytest

from zoo import registry
from zoo.recipes import cli

RECIPES = Path(__file__).with_name("recipes")
FAST_XLA = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"


def pytest_configure(config):
    """Compile fast on JAX, here and in every process that a test starts; no law is one of XLA's optimisations.

    They take a third of the time, and XLA's newer emitter of fused loops half of the rest. What XLA has compiled is
    kept in files until the tests end: many tests build the same models, and so do processes of their own.
    """
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    if keras.backend.backend() == "jax":
        import jax

        os.environ["XLA_FLAGS"] = f"{FAST_XLA} {os.environ.get('XLA_FLAGS', '')}"  # read when the first device is asked
        if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # else it is the user's or, in a worker, the first process's
            os.environ["JAX_COMPILATION_CACHE_DIR"] = folder = tempfile.mkdtemp(prefix="jax-cache-")
            config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
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
