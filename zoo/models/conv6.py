"""Conv6: six convolutions and three linear layers, trained or random under a trained mask."""

from typing import Any

import keras

from zoo.blocks import weights
from zoo.blocks.images import class_probabilities, image_input
from zoo.layers import RandomizePruned
from zoo.layers.seeds import layer_seeds
from zoo.registry import register

_PAPER = "Pruning Randomly Initialized Neural Networks with Iterative Randomization"
_SECTION = "appendix B, Tables 1 and 3"
_SEARCH = {"width": [0.25, 0.5, 1.0], "weight_decay": [0.0, 1e-4, 5e-4]}
_MASKED_SEARCH = {
    **_SEARCH,
    "sparsity": (0.3, 0.7),
    "kernel_initializer": ["kaiming_uniform", "signed_kaiming_constant"],
}


@register(paper=_PAPER, section=_SECTION, search=_SEARCH)
def conv6(
    input_shape=(32, 32, 3), classes=10, width=1.0, weight_decay=0.0, mean=0.5, variance=0.0625, seed=None
) -> keras.Model:
    """Conv6 with ordinary weights, the baseline trained by SGD: 64, 64, 128, 128, 256, 256 filters, 256, 256 units.

    All times `width`, 3x3, max-pooled after every other; no bias, no batch normalisation; 2,261,184 weights for
    32x32x3 and 10 classes. Input from 8x8x1 up, in [0, 255], divided by 255 and normalised by `mean` and `variance`.
    `weight_decay` is coupled: weight_decay/2 times the squared norm of every kernel is added to the loss.
    Paper: 87.69 +- 0.36 % on CIFAR-10, 79.51 +- 0.88 % at width 0.25.
    """
    makers = weights.trained(weight_decay, layer_seeds(seed))
    return _conv6(makers, width, classes, image_input(input_shape, classes, mean, variance))


@register(paper=_PAPER, section=_SECTION, search=_MASKED_SEARCH)
def conv6_edge_popup(
    input_shape=(32, 32, 3),
    classes=10,
    width=1.0,
    sparsity=0.5,
    kernel_initializer="signed_kaiming_constant",
    score_transform="none",
    weight_decay=0.0,
    mean=0.5,
    variance=0.0625,
    seed=None,
) -> keras.Model:
    """Conv6 whose weights stay random: training moves scores, and the best of each layer are the mask.

    `sparsity` is the fraction of every layer's weights removed; `kernel_initializer` "signed_kaiming_constant" (SC),
    "kaiming_uniform" (KU), or Keras's; `score_transform` "abs" ranks by magnitude as edge-popup's released code does.
    `weight_decay` acts on scores, the other options are as in `conv6`.
    Paper: 87.60 +- 0.11 % on CIFAR-10 with SC, 70.35 +- 1.16 % at width 0.25.
    """
    makers = weights.masked(
        sparsity=sparsity,
        kernel_initializer=kernel_initializer,
        score_transform=score_transform,
        weight_decay=weight_decay,
        seeds=layer_seeds(seed),
    )
    return _conv6(makers, width, classes, image_input(input_shape, classes, mean, variance))


@register(paper=_PAPER, section=_SECTION, search=_MASKED_SEARCH, callback=RandomizePruned)
def conv6_iterand(
    input_shape=(32, 32, 3),
    classes=10,
    width=1.0,
    sparsity=0.5,
    kernel_initializer="signed_kaiming_constant",
    weight_decay=0.0,
    mean=0.5,
    variance=0.0625,
    seed=None,
) -> keras.Model:
    """Conv6 of random weights to be trained with `layers.RandomizePruned`, which redraws what is pruned.

    The network is that of `conv6_edge_popup`: the callback makes the difference.
    Paper: 88.80 +- 0.20 % on CIFAR-10 with SC, 75.16 +- 0.23 % at width 0.25.
    """
    makers = weights.masked(
        sparsity=sparsity,
        kernel_initializer=kernel_initializer,
        score_transform="none",
        weight_decay=weight_decay,
        seeds=layer_seeds(seed),
    )
    return _conv6(makers, width, classes, image_input(input_shape, classes, mean, variance))


def _conv6(makers: weights.LayerMakers, width: float, classes: int, image: tuple[Any, Any]) -> keras.Model:
    """The network over an `image_input`."""
    inputs, x = image
    for base in (64, 128, 256):
        for _ in range(2):
            x = makers.conv(weights.channels(base, width), 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)
    for _ in range(2):
        x = makers.linear(weights.channels(256, width), activation="relu")(x)
    logits = makers.linear(classes, name="logits")(x)
    return keras.Model(inputs, class_probabilities(logits))
