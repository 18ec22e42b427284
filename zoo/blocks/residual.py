"""Residual networks over images or sequences: the parts that the coin-flipping models share."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras

from zoo.blocks.weights import coupled
from zoo.layers import BatchNormalization
from zoo.layers.arguments import int_where


def features(x, blocks: Sequence[int], weight_decay: float, seeds: Iterator[int]):
    """Means over positions of a ResNet's last activations, `(n, channels)`.

    The network has a first convolution of 16 channels and one stage of residual blocks per entry of `blocks`, with 16,
    32, 64, ... channels. Each stage but the first halves the positions. A stage without blocks is left out.

    Args:
        x: Images `(n, height, width, channels)` or sequences `(n, length, channels)`.
        blocks: Number of blocks of each stage.
        weight_decay: Coupled L2 of every kernel, see `coupled`.
        seeds: Seeds, of which every convolution takes one.

    Example:
        >>> x = keras.Input((32, 32, 3))
        >>> zoo.blocks.residual.features(x, [1, 1, 1], 0.0, iter(range(20))).shape
        (None, 64)
    """
    common: dict[str, Any] = {"weight_decay": weight_decay, "seeds": seeds}
    x = keras.layers.ReLU()(conv_norm(x, 16, 3, 1, **common))
    for stage, count in enumerate(blocks):
        for block in range(count):
            filters, strides = 16 * 2**stage, 2 if stage and not block else 1
            skipped = shortcut(x, filters, strides, **common)
            y = keras.layers.ReLU()(conv_norm(x, filters, 3, strides, **common))
            y = conv_norm(y, filters, 3, 1, **common)
            x = keras.layers.ReLU()(keras.layers.Add()([y, skipped]))
    pooling = keras.layers.GlobalAveragePooling2D if len(x.shape) == 4 else keras.layers.GlobalAveragePooling1D
    return pooling(data_format="channels_last")(x)


def blocks_of(depth: int) -> tuple[int, int, int]:
    """Split the (depth - 2) / 2 blocks of a ResNet over its three stages; what is over goes to the first ones.

    Args:
        depth: Even int >= 2, layers with weights on the longest path: two in each block, and the first and the last.

    Raises:
        ValueError: If `depth` is not an even int >= 2.

    Example:
        >>> zoo.blocks.residual.blocks_of(20), zoo.blocks.residual.blocks_of(6)
        ((3, 3, 3), (1, 1, 0))
    """
    allowed = "an even int >= 2 (2, 6, 10, 14, 20, 56, ...)"
    depth = int_where("depth", depth, lambda n: n >= 2 and n % 2 == 0, allowed)
    each, more = divmod((depth - 2) // 2, 3)
    return (each + (more > 0), each + (more > 1), each)


def conv_norm(x, filters: int, size: int, strides: int, *, weight_decay: float, seeds: Iterator[int]):
    """Convolve without a bias, with as many positions as `strides` leave, and normalise the batch.

    Args:
        x: Images `(n, height, width, channels)` or sequences `(n, length, channels)`. Behind `Amplify` the n rows are
            all flips of all examples, and in training the batch's mean and variance are over all of them.
        filters: Channels of the output.
        size: Length of the kernel on each axis of positions.
        strides: Step on each axis of positions.
        weight_decay: Coupled L2 of the kernel, see `coupled`.
        seeds: Seeds, of which the kernel takes one.

    Example:
        >>> x = keras.Input((32, 32, 3))
        >>> zoo.blocks.residual.conv_norm(x, 16, 3, 2, weight_decay=0.0, seeds=iter(range(9))).shape
        (None, 16, 16, 16)
    """
    kind = keras.layers.Conv2D if len(x.shape) == 4 else keras.layers.Conv1D
    x = kind(
        filters,
        size,
        strides,
        padding="same",
        data_format="channels_last",
        use_bias=False,
        kernel_initializer=keras.initializers.HeNormal(seed=next(seeds)),
        kernel_regularizer=coupled(weight_decay),
    )(x)
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def linear(units: int, weight_decay: float, seeds: Iterator[int], name: str | None = None) -> keras.layers.Dense:
    """Make a linear layer with a bias.

    Args:
        units: Number of outputs.
        weight_decay: Coupled L2 of the kernel, not of the bias; see `coupled`.
        seeds: Seeds, of which the kernel takes one.
        name: Name of the layer.

    Example:
        >>> zoo.blocks.residual.linear(10, 0.0, iter(range(9))).units
        10
    """
    return keras.layers.Dense(
        units,
        kernel_initializer=keras.initializers.HeNormal(seed=next(seeds)),
        kernel_regularizer=coupled(weight_decay),
        name=name,
    )


def shortcut(x, filters: int, strides: int, *, weight_decay: float, seeds: Iterator[int]):
    """Return `x` itself where it has `filters` channels; else its normalised convolution of size 1, by `strides`.

    The arguments are those of `conv_norm`.

    Example:
        >>> x = keras.Input((32, 32, 16))
        >>> zoo.blocks.residual.shortcut(x, 16, 1, weight_decay=0.0, seeds=iter(range(9))) is x
        True
    """
    return x if x.shape[-1] == filters else conv_norm(x, filters, 1, strides, weight_decay=weight_decay, seeds=seeds)
