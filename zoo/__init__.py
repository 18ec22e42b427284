"""Models that use randomness as a resource: build them by name, amplify, measure, export."""

from zoo import resnet
from zoo.amplification import RandomAccuracy, amplify, flips, random_accuracy
from zoo.registry import build, card, list_models

__all__ = [
    "RandomAccuracy",
    "amplify",
    "build",
    "card",
    "flips",
    "list_models",
    "random_accuracy",
    "resnet",
]
