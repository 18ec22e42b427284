"""Models that use randomness as a resource: build them by name, amplify, measure, export."""

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
