"""The tiny model, registered for one test, and its data."""

import importlib.util
from pathlib import Path

import pytest

from recipes.recipe import Recipe
from zoo import registry

_spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("tiny.py"))
tiny = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny)


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe of the tiny model on its own data: 63 training examples in 4 batches, 7 for validation."""
    monkeypatch.setattr(registry, "_MODELS", dict(registry._MODELS))
    registry.register(paper="A paper", section="1", search={"rate": (0.1, 0.5), "samples": [1, 3]})(tiny.tiny_cfnn)
    data = tiny.write_npz(tmp_path / "tiny.npz")
    return Recipe("tiny", "tiny_cfnn", data, epochs=3, batch_size=16, augment="crop", samples=(1, 5), seed=4)


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    """A recipe of the tiny masked model: twelve updates, a redraw after every third."""
    before = dict(registry._MODELS)
    registry.register(paper="A paper", section="1")(tiny.tiny_masked)
    yield Recipe(
        "masked", "tiny_masked", tiny.write_npz(tmp_path_factory.mktemp("data") / "data.npz"),
        options={"weight_decay": 1e-3, "kernel_initializer": "kaiming_uniform"}, augment="crop",
        schedule="cosine_per_epoch", warmup_epochs=1, epochs=3, batch_size=16, learning_rate=0.2,
        randomize_period=3, randomize_rate=0.5, samples=(1,), seed=4,
    )  # fmt: skip
    registry._MODELS.clear()
    registry._MODELS.update(before)
