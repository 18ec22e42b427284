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
    """Conv6 with ordinary weights: the baseline that is trained by SGD.

    Six 3x3 convolutions of 64, 64, 128, 128, 256 and 256 filters, max-pooled after every other one; then linear layers
    of 256, 256 and `classes` units. There are no biases and no batch normalisation: 2,261,184 weights for 32x32x3
    and 10 classes.

    Args:
        input_shape: `(height, width, channels)` from (8, 8, 1) up; pixels are in [0, 255], uint8 or float.
        classes: Int >= 2.
        width: Positive float, the factor of all numbers of filters and of hidden units.
        weight_decay: Float >= 0, coupled L2: `weight_decay` / 2 times the squared norm of every kernel is added to
            the loss.
        mean: Number, or one per channel, that is subtracted from the pixels divided by 255.
        variance: Positive number, or one per channel; the difference is divided by its square root.
        seed: None or int in [0, 2**32), of the initial weights.

    Returns:
        A model from images `(batch, *input_shape)` to class probabilities `(batch, classes)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Pruning Randomly Initialized Neural Networks with Iterative Randomization, Tables 1 and 3:
    87.69 +- 0.36 % on CIFAR-10, 79.51 +- 0.88 % at width 0.25.

    Example:
        >>> zoo.build("conv6").count_params()
        2261184
        >>> zoo.build("conv6", input_shape=(8, 8, 1), width=0.25).output_shape
        (None, 10)
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
    """Conv6 whose weights stay random: training moves scores, and each layer keeps the weights of the best scores.

    Args:
        input_shape: `(height, width, channels)` from (8, 8, 1) up; pixels are in [0, 255], uint8 or float.
        classes: Int >= 2.
        width: Positive float, the factor of all numbers of filters and of hidden units.
        sparsity: Float in [0, 1), the fraction of every layer's weights that is removed.
        kernel_initializer: "signed_kaiming_constant" (SC), "kaiming_uniform" (KU), or one of Keras's.
        score_transform: "none", or "abs" to rank by magnitude as edge-popup's released code does.
        weight_decay: Float >= 0, coupled L2 of the scores: `weight_decay` / 2 times their squared norm is added to
            the loss.
        mean: Number, or one per channel, that is subtracted from the pixels divided by 255.
        variance: Positive number, or one per channel; the difference is divided by its square root.
        seed: None or int in [0, 2**32), of weights and initial scores.

    Returns:
        A model from images `(batch, *input_shape)` to class probabilities `(batch, classes)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Pruning Randomly Initialized Neural Networks with Iterative Randomization, Tables 1 and 3:
    87.60 +- 0.11 % on CIFAR-10 with SC, 70.35 +- 1.16 % at width 0.25.

    Example:
        >>> model = zoo.build("conv6_edge_popup", input_shape=(8, 8, 1), width=0.25, sparsity=0.7)
        >>> sorted({type(layer).__name__ for layer in model.layers if layer.trainable_weights})
        ['ScoreMaskedConv', 'ScoreMaskedDense']
    """
    makers = weights.masked(
        sparsity=sparsity,
        kernel_initializer=kernel_initializer,
        score_transform=score_transform,
        weight_decay=weight_decay,
        seeds=layer_seeds(seed),
    )
    return _conv6(makers, width, classes, image_input(input_shape, classes, mean, variance))


@register(paper=_PAPER, section=_SECTION, search=_MASKED_SEARCH, callback=RandomizePruned, twin="conv6_edge_popup")
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
    """Conv6 of random weights, to be trained with `layers.RandomizePruned`, which redraws pruned weights.

    The network is that of `conv6_edge_popup`; the callback makes the difference.

    Args:
        input_shape: `(height, width, channels)` from (8, 8, 1) up; pixels are in [0, 255], uint8 or float.
        classes: Int >= 2.
        width: Positive float, the factor of all numbers of filters and of hidden units.
        sparsity: Float in [0, 1), the fraction of every layer's weights that is removed.
        kernel_initializer: "signed_kaiming_constant" (SC), "kaiming_uniform" (KU), or one of Keras's.
        weight_decay: Float >= 0, coupled L2 of the scores: `weight_decay` / 2 times their squared norm is added to
            the loss.
        mean: Number, or one per channel, that is subtracted from the pixels divided by 255.
        variance: Positive number, or one per channel; the difference is divided by its square root.
        seed: None or int in [0, 2**32), of weights and initial scores.

    Returns:
        A model from images `(batch, *input_shape)` to class probabilities `(batch, classes)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Pruning Randomly Initialized Neural Networks with Iterative Randomization, Tables 1 and 3:
    88.80 +- 0.20 % on CIFAR-10 with SC, 75.16 +- 0.23 % at width 0.25.

    Example:
        >>> model = zoo.build("conv6_iterand", input_shape=(8, 8, 1), width=0.25)
        >>> redraw = layers.RandomizePruned(period=300, rate=0.1)  # for fit's `callbacks`
        >>> model.output_shape
        (None, 10)
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
    """Network over an `image_input`."""
    inputs, x = image
    for base in (64, 128, 256):
        for _ in range(2):
            x = makers.conv(weights.channels(base, width), 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D(data_format="channels_last")(x)
    x = keras.layers.Flatten(data_format="channels_last")(x)
    for _ in range(2):
        x = makers.linear(weights.channels(256, width), activation="relu")(x)
    logits = makers.linear(classes, name="logits")(x)
    return keras.Model(inputs, class_probabilities(logits))
