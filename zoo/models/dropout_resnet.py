"""ResNets with dropout: the dropout CFNN and its deterministic baseline."""

from typing import Any

import keras

from zoo.amplification.amplified import AmplifiedModel
from zoo.blocks.images import flips_of_the_paper, image_input
from zoo.blocks.residual import conv_norm, linear, shortcut
from zoo.layers import Amplify, CoinFlipDropout, MajorityVote
from zoo.layers.arguments import int_where, one_of
from zoo.layers.seeds import layer_seeds
from zoo.registry import register

_PAPER = "Coin-Flipping Neural Networks"
_DROPOUT_AFTER = ("inner", "outer")  # the activation between a block's convolutions, the one after its sum
_SEARCH = {"depth": [8, 14, 20], "rate": (0.05, 0.6), "weight_decay": [0.0, 5e-4, 5e-3]}


@register(paper=_PAPER, section="sections 5.2 and F, Table 3", search={**_SEARCH, "samples": [1, 5, 25]})
def resnet20_cfnn(
    input_shape=(32, 32, 3),
    classes=10,
    samples=None,
    rate=0.5,
    depth=20,
    weight_decay=0.0,
    mean=0.5,
    variance=0.0625,
    dropout_after="inner",
    seed=None,
) -> keras.Model:
    """ResNet-20 with dropout as its coin: after every other activation and before the last linear layer.

    The coins stay on at inference, and `samples` flips vote. Each stage of 16, 32 and 64 channels has
    (depth - 2) / 6 blocks of two activations: one between the convolutions, one after the sum. The paper drops after
    "every other" of them and leaves open which; `dropout_after` decides. Either way there is one coin per block, and
    one before the last linear layer.

    Args:
        input_shape: `(height, width, channels)` from (8, 8, 1) up; pixels are in [0, 255], uint8 or float.
        classes: Int >= 2.
        samples: Positive int, the flips that vote; None is 25, and 125 from 100 classes on.
        rate: Float in [0, 1), the probability that a unit is dropped.
        depth: Int 6n + 2 with n >= 1, the number of layers on the longest path.
        weight_decay: Float >= 0, the paper's coupled L2 (5e-3 there): `weight_decay` / 2 times the squared norm of
            every convolution and dense kernel is added to the loss.
        mean: Number, or one per channel, that is subtracted from the pixels divided by 255.
        variance: Positive number, or one per channel; the difference is divided by its square root.
        dropout_after: "inner" drops after a block's first activation, "outer" after its second.
        seed: None or int in [0, 2**32), of the initial weights and the coins.

    Returns:
        A model from images `(batch, *input_shape)` to shares of the votes `(batch, classes)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Coin-Flipping Neural Networks, Table 3: 90.20 +- 0.14 % on CIFAR-10 and 60.16 +- 0.67 % on
    CIFAR-100 by majority.

    Example:
        >>> model = zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), depth=8, samples=3)
        >>> model.output_shape, model.count_params()
        ((None, 10), 78426)
        >>> sum(isinstance(layer, layers.CoinFlipDropout) for layer in model.layers)
        4
    """
    return _dropout_resnet(
        image=image_input(input_shape, classes, mean, variance),
        classes=classes,
        samples=flips_of_the_paper(samples, classes),
        rate=rate,
        depth=depth,
        weight_decay=weight_decay,
        dropout_after=dropout_after,
        seed=seed,
        flip_at_inference=True,
    )


@register(paper=_PAPER, section="section 5.2, Table 3 (standard train)", search=_SEARCH, twin="resnet20_cfnn")
def resnet20_dropout(
    input_shape=(32, 32, 3),
    classes=10,
    rate=0.5,
    depth=20,
    weight_decay=0.0,
    mean=0.5,
    variance=0.0625,
    dropout_after="inner",
    seed=None,
) -> keras.Model:
    """ResNet-20 with ordinary dropout: the deterministic baseline of `resnet20_cfnn`, with the same layers and weights.

    Training makes one pass per image. At inference the coins are off; `zoo.amplify` turns them on, and its
    `vote="mean"` is MC dropout.

    Args:
        input_shape: `(height, width, channels)` from (8, 8, 1) up; pixels are in [0, 255], uint8 or float.
        classes: Int >= 2.
        rate: Float in [0, 1), the probability that a unit is dropped in training.
        depth: Int 6n + 2 with n >= 1, the number of layers on the longest path.
        weight_decay: Float >= 0, coupled L2: `weight_decay` / 2 times the squared norm of every convolution and
            dense kernel is added to the loss.
        mean: Number, or one per channel, that is subtracted from the pixels divided by 255.
        variance: Positive number, or one per channel; the difference is divided by its square root.
        dropout_after: "inner" drops after a block's first activation, "outer" after its second.
        seed: None or int in [0, 2**32), of the initial weights and the coins.

    Returns:
        A model from images `(batch, *input_shape)` to class probabilities `(batch, classes)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Coin-Flipping Neural Networks, Table 3: 87.82 +- 0.65 % on CIFAR-10 and 50.90 +- 0.03 % on
    CIFAR-100.

    Example:
        >>> model = zoo.build("resnet20_dropout", input_shape=(8, 8, 1), depth=8)
        >>> model.output_shape, model.count_params()
        ((None, 10), 78426)
    """
    return _dropout_resnet(
        image=image_input(input_shape, classes, mean, variance),
        classes=classes,
        samples=1,
        rate=rate,
        depth=depth,
        weight_decay=weight_decay,
        dropout_after=dropout_after,
        seed=seed,
        flip_at_inference=False,
    )


def _dropout_resnet(
    *, image, classes, samples, rate, depth, weight_decay, dropout_after, seed, flip_at_inference
) -> keras.Model:
    """Network over an `image_input`, its coins on or off at inference."""
    allowed = "6n + 2 with n >= 1 (8, 14, 20, ...)"
    blocks = (int_where("depth", depth, lambda n: n >= 8 and n % 6 == 2, allowed) - 2) // 6
    inner = one_of("dropout_after", dropout_after, _DROPOUT_AFTER) == "inner"
    seeds = layer_seeds(seed)
    common: dict[str, Any] = {"weight_decay": weight_decay, "seeds": seeds}
    amplify = Amplify(samples)

    # Before a ReLU, where the paper has it behind: the same numbers, but of the two gradients keep one tensor.
    def flip(x):
        return CoinFlipDropout(rate, flip_at_inference, seed=next(seeds))(x)

    inputs, x = image
    x = _activate(conv_norm(x, 16, 3, 1, **common))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            first = not stage and not block
            skipped = shortcut(x, filters, strides, **common)
            x = conv_norm(x, filters, 3, strides, **common)
            if inner:
                if first:  # before the first coin both branches are repeated, once per flip
                    x, skipped = amplify(x), amplify(skipped)
                x = flip(x)
            x = keras.layers.Add()([conv_norm(_activate(x), filters, 3, 1, **common), skipped])
            if not inner:
                x = flip(amplify(x) if first else x)
            x = _activate(x)
    x = flip(keras.layers.GlobalAveragePooling2D(data_format="channels_last")(x))
    logits = linear(classes, weight_decay, seeds, name="logits")(x)
    vote = "majority" if flip_at_inference else "mean"  # without coins the mean is the plain softmax
    return AmplifiedModel(inputs, MajorityVote(samples, vote)(logits))


def _activate(x):
    return keras.layers.ReLU()(x)
