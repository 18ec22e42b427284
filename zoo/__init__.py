"""Models that use randomness as a resource: build them by name, amplify, measure, export."""

import importlib

from zoo import conv6, data, hypernet_cfnn, modularity, pruned_resnet, resnet
from zoo.amplification import RandomAccuracy, amplify, flips, random_accuracy
from zoo.export import export
from zoo.fold import fold
from zoo.pretrained import list_weights, save_weights
from zoo.registry import build, card, list_models
from zoo.supermask import load_supermask, save_supermask

__all__ = [
    "RandomAccuracy",
    "amplify",
    "build",
    "card",
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
    "pruned_resnet",
    "random_accuracy",
    "resnet",
    "save_supermask",
    "save_weights",
]


def __getattr__(name: str):
    """`zoo.tuning`, imported when it is asked for: it needs keras-tuner, and nothing else here does."""
    if name == "tuning":
        return importlib.import_module("zoo.tuning")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
