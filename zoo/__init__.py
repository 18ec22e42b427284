"""Models that use randomness as a resource: build them by name, amplify, measure, export."""

import importlib

from zoo import data, resnet
from zoo.amplification import RandomAccuracy, amplify, flips, random_accuracy
from zoo.export import export
from zoo.pretrained import list_weights, save_weights
from zoo.registry import build, card, list_models

__all__ = [
    "RandomAccuracy",
    "amplify",
    "build",
    "card",
    "data",
    "export",
    "flips",
    "list_models",
    "list_weights",
    "random_accuracy",
    "resnet",
    "save_weights",
]


def __getattr__(name: str):
    """`zoo.tuning`, imported when it is asked for: it needs keras-tuner, and nothing else here does."""
    if name == "tuning":
        return importlib.import_module("zoo.tuning")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
