"""Families of ready-made models; importing this imports all of them, which registers them."""

from zoo.models import (
    ball,
    conditioned_mlp,
    cone,
    conv6,
    dropout_resnet,
    hypernet_cfnn,
    random_mlp,
    resnet,
    stochastic_mlp,
)

__all__ = [
    "ball",
    "conditioned_mlp",
    "cone",
    "conv6",
    "dropout_resnet",
    "hypernet_cfnn",
    "random_mlp",
    "resnet",
    "stochastic_mlp",
]
