"""ResNet-18, 34, 50 and 101, trained or random under a trained mask.

It registers twelve models:

- resnet18, resnet34, resnet50, resnet101;
- resnet18_edge_popup, resnet34_edge_popup, resnet50_edge_popup, resnet101_edge_popup;
- resnet18_iterand, resnet34_iterand, resnet50_iterand, resnet101_iterand.
"""

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

# The builders are generated: depths differ in a row of `_BLOCKS` and ways of getting weights in one call. Twelve
# functions would repeat two signatures and two docstrings over hundreds of lines.
_TRAINED_DOC = """ResNet-{depth} with ordinary weights: the baseline that is trained by SGD.

Stages of 64, 128, 256 and 512 channels times `width`{expansion}; the first convolution has 64 for every width. Images
of up to 64 pixels a side meet a 3x3 convolution, larger ones ImageNet's 7x7 of stride 2 and max-pooling. A shortcut is
a projection where the shape changes. Batch normalisation (momentum 0.9, epsilon 1e-5) follows every convolution, and
there are no biases.

Args:
    input_shape: `(height, width, channels)` from (8, 8, 1) up; pixels are in [0, 255], uint8 or float.
    classes: Int >= 2.
    width: Positive float, the factor of the stages' channels.
    weight_decay: Float >= 0, coupled L2: `weight_decay` / 2 times the squared norm of every kernel is added to the
        loss.
    mean: Number, or one per channel, that is subtracted from the pixels divided by 255.
    variance: Positive number, or one per channel; the difference is divided by its square root.
    seed: None or int in [0, 2**32), of the initial weights.

Returns:
    A model from images `(batch, *input_shape)` to class probabilities `(batch, classes)`.

Raises:
    ValueError: If an argument is out of range.

Reference: Pruning Randomly Initialized Neural Networks with Iterative Randomization, appendix B.

Example:
    >>> model = zoo.build("resnet{depth}", input_shape=(8, 8, 1), width=0.125)
    >>> model.output_shape, sum(hasattr(layer, "kernel") for layer in model.layers)  # {depth} layers, 4 shortcuts
    ((None, 10), {kernels})
"""

_MASKED_DOC = """ResNet-{depth} whose weights stay random{how}.

The network is `resnet{depth}` with a mask on the kernel of every convolution, shortcuts included, and of the last
linear layer; batch normalisation has no trained scale and offset.

Args:
    input_shape: `(height, width, channels)` from (8, 8, 1) up; pixels are in [0, 255], uint8 or float.
    classes: Int >= 2.
    width: Positive float, the factor of the stages' channels.
    sparsity: Float in [0, 1), the fraction of every layer's weights that is removed.
    kernel_initializer: "signed_kaiming_constant" (SC), "kaiming_uniform" (KU), or one of Keras's.
    score_transform: "none", or "abs" to rank by magnitude as edge-popup's released code does.
    weight_decay: Float >= 0, coupled L2 of the scores: `weight_decay` / 2 times their squared norm is added to the
        loss.
    mean: Number, or one per channel, that is subtracted from the pixels divided by 255.
    variance: Positive number, or one per channel; the difference is divided by its square root.
    seed: None or int in [0, 2**32), of weights and initial scores.

Returns:
    A model from images `(batch, *input_shape)` to class probabilities `(batch, classes)`.

Raises:
    ValueError: If an argument is out of range.

Reference: Pruning Randomly Initialized Neural Networks with Iterative Randomization, appendix B.

Example:
    >>> model = zoo.build("{name}", input_shape=(8, 8, 1), width=0.125)
    >>> model.output_shape, sum(hasattr(layer, "kernel") for layer in model.layers)  # {depth} layers, 4 shortcuts
    ((None, 10), {kernels})
"""


def _register_trained(depth: int) -> None:
    def builder(
        input_shape=(32, 32, 3), classes=10, width=1.0, weight_decay=0.0, mean=0.5, variance=0.0625, seed=None
    ) -> keras.Model:
        makers = weights.trained(weight_decay, layer_seeds(seed))
        return _resnet(depth, makers, width, classes, image=image_input(input_shape, classes, mean, variance))

    builder.__name__ = f"resnet{depth}"
    expansion = ", times 4 out of each block" if depth in _BOTTLENECK else ""
    builder.__doc__ = _TRAINED_DOC.format(depth=depth, expansion=expansion, kernels=depth + 4)
    register(paper=_PAPER, section=_SECTION, search=_SEARCH)(builder)


def _register_masked(
    depth: int, name: str, how: str, callback: type[RandomizePruned] | None = None, twin: str | None = None
) -> None:
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

    builder.__name__ = name
    builder.__doc__ = _MASKED_DOC.format(depth=depth, name=name, how=how, kernels=depth + 4)
    register(paper=_PAPER, section=_SECTION, search=_MASKED_SEARCH, callback=callback, twin=twin)(builder)


_EDGE_POPUP = ": training moves scores, and each layer keeps the weights of the best scores"
_ITERAND = ", to be trained with `layers.RandomizePruned`, which redraws pruned weights"
for _depth in _BLOCKS:
    _register_trained(_depth)
    _register_masked(_depth, f"resnet{_depth}_edge_popup", _EDGE_POPUP)
    _register_masked(_depth, f"resnet{_depth}_iterand", _ITERAND, RandomizePruned, f"resnet{_depth}_edge_popup")


def _resnet(depth: int, makers: LayerMakers, width: float, classes: int, *, image: tuple[Any, Any]) -> keras.Model:
    """Network over an `image_input`."""
    block = _bottleneck if depth in _BOTTLENECK else _basic
    inputs, x = image
    x = _stem(x, makers)
    for stage, blocks in enumerate(_BLOCKS[depth]):
        filters = channels(64 * 2**stage, width)
        for index in range(blocks):
            x = block(x, filters, 2 if stage and not index else 1, makers)
    pooled = keras.layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    logits = makers.linear(classes, name="logits")(pooled)
    return keras.Model(inputs, class_probabilities(logits))


def _stem(x, makers: LayerMakers):
    if max(x.shape[1:3]) <= _LARGE:
        return keras.layers.ReLU()(_conv(x, 64, 3, 1, makers=makers))
    x = keras.layers.ReLU()(_conv(x, 64, 7, 2, makers=makers))
    padded = keras.layers.ZeroPadding2D(1, data_format="channels_last")(x)  # no output of a ReLU is below the zeros
    return keras.layers.MaxPooling2D(3, 2, data_format="channels_last")(padded)


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
    """Convolution and batch normalisation; unlike "same" it pads all sides equally, also with strides."""
    if strides == 1:
        return makers.normalization()(makers.conv(filters, size, padding="same")(x))
    padded = keras.layers.ZeroPadding2D(size // 2, data_format="channels_last")(x) if size > 1 else x
    return makers.normalization()(makers.conv(filters, size, strides)(padded))
