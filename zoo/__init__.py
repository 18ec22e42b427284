"""Models that use randomness as a resource: build them by name, amplify, measure, export."""

import importlib

from zoo import (
    ball,
    cone,
    conv6,
    data,
    hypernet_cfnn,
    modularity,
    probes,
    pruned_resnet,
    random_mlp,
    resnet,
    stochastic_mlp,
)
from zoo.amplification import RandomAccuracy, amplify, flips, random_accuracy
from zoo.complexity import complexity
from zoo.export import export
from zoo.fold import fold
from zoo.pretrained import list_weights, save_weights
from zoo.registry import build, card, list_models
from zoo.supermask import load_supermask, save_supermask

__all__ = [
    "RandomAccuracy",
    "amplify",
    "ball",
    "build",
    "card",
    "complexity",
    "cone",
    "conv6",
    "data",
    "export",
    "flips",
    "fold",
    "hypernet_cfnn",
    "list_models",
    "list_weights",
    "load_supermask",
    "modularity",
    "probes",
    "pruned_resnet",
    "random_accuracy",
    "random_mlp",
    "resnet",
    "save_supermask",
    "save_weights",
    "stochastic_mlp",
]


def __getattr__(name: str):
    """`zoo.tuning` and `zoo.theory`, imported when they are asked for: they need keras-tuner and SciPy."""
    if name in ("tuning", "theory"):
        return importlib.import_module(f"zoo.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
