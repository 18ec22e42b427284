"""ResNet-18, 34, 50 and 101, trained or random under a trained mask."""

from typing import Any

import keras

from zoo.blocks import weights
from zoo.blocks.images import class_probabilities, image_input
from zoo.blocks.weights import LayerMakers, channels
from zoo.layers import RandomizePruned
from zoo.layers.seeds import layer_seeds
from zoo.registry import register

_PAPER = "Pruning Randomly Initialized Neural Networks with Iterative Randomization"
_SECTION = "appendix B, Tables 1 to 4"
_SEARCH = {"width": [0.25, 0.5, 1.0], "weight_decay": [0.0, 1e-4, 5e-4]}
_MASKED_SEARCH = {
    **_SEARCH,
    "sparsity": (0.3, 0.8),
    "kernel_initializer": ["kaiming_uniform", "signed_kaiming_constant"],
}
_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
_BOTTLENECK = (50, 101)
_LARGE = 64  # images above this many pixels a side get ImageNet's stem

_TRAINED_DOC = """ResNet-{depth} with ordinary weights, the baseline trained by SGD.

Stages of 64, 128, 256 and 512 channels times `width`{expansion}; the first convolution has 64 for every width. Images
of up to 64 pixels a side meet a 3x3 convolution, larger ones ImageNet's 7x7 of stride 2 and max-pooling. Projection
shortcuts where the shape changes; batch normalisation (momentum 0.9, epsilon 1e-5) after every convolution; no biases.
Input from 8x8x1 up, in [0, 255], divided by 255 and normalised by `mean` and `variance`. `weight_decay` is coupled:
weight_decay/2 times the squared norm of every kernel is added to the loss."""

_MASKED_DOC = """ResNet-{depth} whose weights stay random{how}.

The network is `resnet{depth}` with a mask on every convolution, shortcut, stem and the last linear layer, and batch
normalisation without trained scale and offset. `sparsity` is the fraction of every layer's weights removed;
`kernel_initializer` "signed_kaiming_constant" (SC), "kaiming_uniform" (KU), or Keras's; `score_transform` "abs" ranks
by magnitude as edge-popup's released code does; `weight_decay` acts on scores."""


def _register_trained(depth: int) -> None:
    def builder(
        input_shape=(32, 32, 3), classes=10, width=1.0, weight_decay=0.0, mean=0.5, variance=0.0625, seed=None
    ) -> keras.Model:
        makers = weights.trained(weight_decay, layer_seeds(seed))
        return _resnet(depth, makers, width, classes, image=image_input(input_shape, classes, mean, variance))

    builder.__name__ = f"resnet{depth}"
    builder.__doc__ = _TRAINED_DOC.format(depth=depth, expansion=", times 4 out of each block" if depth > 34 else "")
    register(paper=_PAPER, section=_SECTION, search=_SEARCH)(builder)


def _register_masked(depth: int, name: str, how: str) -> None:
    def builder(
        input_shape=(32, 32, 3),
        classes=10,
        width=1.0,
        sparsity=0.6,
        kernel_initializer="signed_kaiming_constant",
        score_transform="none",
        weight_decay=0.0,
        mean=0.5,
        variance=0.0625,
        seed=None,
    ) -> keras.Model:
        makers = weights.masked(
            sparsity=sparsity,
            kernel_initializer=kernel_initializer,
            score_transform=score_transform,
            weight_decay=weight_decay,
            seeds=layer_seeds(seed),
        )
        return _resnet(depth, makers, width, classes, image=image_input(input_shape, classes, mean, variance))

    builder.__name__ = f"resnet{depth}_{name}"
    builder.__doc__ = _MASKED_DOC.format(depth=depth, how=how)
    needed = RandomizePruned if name == "iterand" else None
    register(paper=_PAPER, section=_SECTION, search=_MASKED_SEARCH, callback=needed)(builder)


for _depth in _BLOCKS:
    _register_trained(_depth)
    _register_masked(_depth, "edge_popup", ": training moves scores, and the best of each layer are the mask")
    _register_masked(_depth, "iterand", ", to be trained with `layers.RandomizePruned`, which redraws what is pruned")


def _resnet(depth: int, makers: LayerMakers, width: float, classes: int, *, image: tuple[Any, Any]) -> keras.Model:
    """The network over an `image_input`."""
    block = _bottleneck if depth in _BOTTLENECK else _basic
    inputs, x = image
    x = _stem(x, makers)
    for stage, blocks in enumerate(_BLOCKS[depth]):
        filters = channels(64 * 2**stage, width)
        for index in range(blocks):
            x = block(x, filters, 2 if stage and not index else 1, makers)
    logits = makers.linear(classes, name="logits")(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, class_probabilities(logits))


def _stem(x, makers: LayerMakers):
    if max(x.shape[1:3]) <= _LARGE:
        return keras.layers.ReLU()(_conv(x, 64, 3, 1, makers=makers))
    x = keras.layers.ReLU()(_conv(x, 64, 7, 2, makers=makers))
    return keras.layers.MaxPooling2D(3, 2)(keras.layers.ZeroPadding2D(1)(x))  # zeros are below no output of a ReLU


def _basic(x, filters: int, strides: int, makers: LayerMakers):
    y = keras.layers.ReLU()(_conv(x, filters, 3, strides, makers=makers))
    return _join(x, _conv(y, filters, 3, 1, makers=makers), strides, makers)


def _bottleneck(x, filters: int, strides: int, makers: LayerMakers):
    y = keras.layers.ReLU()(_conv(x, filters, 1, 1, makers=makers))
    y = keras.layers.ReLU()(_conv(y, filters, 3, strides, makers=makers))
    return _join(x, _conv(y, 4 * filters, 1, 1, makers=makers), strides, makers)


def _join(x, y, strides: int, makers: LayerMakers):
    if strides > 1 or x.shape[-1] != y.shape[-1]:
        x = _conv(x, y.shape[-1], 1, strides, makers=makers)
    return keras.layers.ReLU()(keras.layers.Add()([y, x]))


def _conv(x, filters: int, size: int, strides: int, *, makers: LayerMakers):
    """Convolution and batch normalisation; padded alike on all sides, which "same" is not for strides."""
    if strides == 1:
        return makers.normalization()(makers.conv(filters, size, padding="same")(x))
    padded = keras.layers.ZeroPadding2D(size // 2)(x) if size > 1 else x
    return makers.normalization()(makers.conv(filters, size, strides)(padded))
