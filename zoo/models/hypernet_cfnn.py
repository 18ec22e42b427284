"""Hypernetwork CFNN: a linear classifier drawn by generators, over an embedding computed once per image."""

from collections.abc import Iterator
from typing import Any

import keras

from zoo.amplification.amplified import AmplifiedModel
from zoo.blocks.images import class_probabilities, flips_of_the_paper, image_input
from zoo.blocks.residual import blocks_of, features, linear
from zoo.blocks.weights import coupled
from zoo.layers import HyperDense, Hyperfan, MajorityVote, RandomInput, SharedDraws
from zoo.layers.arguments import positive_int
from zoo.layers.seeds import layer_seeds
from zoo.registry import register

_PAPER = "Coin-Flipping Neural Networks"
_SEARCH = {"depth": [2, 6, 10, 14], "weight_decay": [0.0, 5e-4, 5e-3]}
_GENERATOR = blocks_of(6)


@register(paper=_PAPER, section="sections 4, 5.1 and E, Tables 1, 2 and 4", search={**_SEARCH, "samples": [5, 25]})
def hypernet_cfnn(
    input_shape=(32, 32, 3),
    classes=10,
    samples=None,
    depth=6,
    embedding_dim=256,
    weight_decay=0.0,
    mean=0.5,
    variance=0.0625,
    seed=None,
) -> keras.Model:
    """Hypernetwork CFNN: a classifier whose last linear layer is drawn by two generators.

    The network N_e, a ResNet with stages of 16, 32 and 64 channels, embeds every image once. The generator G_e makes
    a candidate embedding of noise and a random class. The generator G_h makes the weights of a linear layer of other
    noise, the same class and that candidate. Both are one-dimensional ResNets of depth 6 over channels of length
    `embedding_dim`. The images of a batch share the draws, and the draws vote. `zoo.amplify(..., vote="expected")`
    replaces them by the mean of 1,000 drawn layers.

    Args:
        input_shape: `(height, width, channels)` from (8, 8, 1) up; pixels are in [0, 255], uint8 or float.
        classes: Int >= 2.
        samples: Positive int, the draws that vote; None is 25, and 125 from 100 classes on.
        depth: Even int >= 2, the depth of N_e.
        embedding_dim: Positive int, numbers per embedding.
        weight_decay: Float >= 0, the paper's coupled L2 (5e-3 there): `weight_decay` / 2 times the squared norm of
            every kernel is added to the loss.
        mean: Number, or one per channel, that is subtracted from the pixels divided by 255.
        variance: Positive number, or one per channel; the difference is divided by its square root.
        seed: None or int in [0, 2**32), of the initial weights and the coins.

    Returns:
        A model from images `(batch, *input_shape)` to shares of the votes `(batch, classes)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Coin-Flipping Neural Networks, Tables 1, 2 and 4: 81.45 +- 0.24 % on CIFAR-10 at depth 6 and
    61.24 +- 0.41 % on CIFAR-100 at depth 10.

    Example:
        >>> model = zoo.build("hypernet_cfnn", input_shape=(8, 8, 1), depth=2, embedding_dim=8, samples=3)
        >>> model.output_shape
        (None, 10)
        >>> model.get_layer("theta").output.shape  # per draw a kernel (8, 10) and a bias (10,)
        (3, 90)
    """
    seeds = layer_seeds(seed)
    inputs, pixels = image_input(input_shape, classes, mean, variance)
    embedding = _embedding(pixels, depth, embedding_dim, weight_decay=weight_decay, seeds=seeds)
    samples = flips_of_the_paper(samples, classes)
    draws = SharedDraws(samples)(embedding)
    label = RandomInput(classes, "categorical", seed=next(seeds))(draws)
    generator: dict[str, Any] = {"length": embedding_dim, "weight_decay": weight_decay, "seeds": seeds}
    drawn = _generated(draws, label, **generator)
    candidate = linear(embedding_dim, weight_decay, seeds, name="candidate")(drawn)
    drawn = _generated(draws, label, candidate, **generator)
    theta = keras.layers.Dense(  # one layer in place of two linear heads, for w and for -b
        HyperDense.parameter_count(embedding_dim, classes),
        kernel_initializer=Hyperfan(embedding_dim, classes, seed=next(seeds)),
        kernel_regularizer=coupled(weight_decay),
        name="theta",
    )(drawn)
    logits = HyperDense(classes, shared=True, name="logits")([embedding, theta])
    return AmplifiedModel(inputs, MajorityVote(samples)(logits))


@register(
    paper=_PAPER,
    section="sections 5.1 and E, Tables 1, 2 and 4 (deterministic)",
    search=_SEARCH,
    twin="hypernet_cfnn",
)
def hypernet_deterministic(
    input_shape=(32, 32, 3),
    classes=10,
    depth=6,
    embedding_dim=256,
    weight_decay=0.0,
    mean=0.5,
    variance=0.0625,
    seed=None,
) -> keras.Model:
    """Deterministic baseline of `hypernet_cfnn`: the same network N_e under one learned linear layer, without coins.

    Args:
        input_shape: `(height, width, channels)` from (8, 8, 1) up; pixels are in [0, 255], uint8 or float.
        classes: Int >= 2.
        depth: Even int >= 2, the depth of N_e.
        embedding_dim: Positive int, numbers per embedding.
        weight_decay: Float >= 0, coupled L2: `weight_decay` / 2 times the squared norm of every kernel is added to
            the loss.
        mean: Number, or one per channel, that is subtracted from the pixels divided by 255.
        variance: Positive number, or one per channel; the difference is divided by its square root.
        seed: None or int in [0, 2**32), of the initial weights.

    Returns:
        A model from images `(batch, *input_shape)` to class probabilities `(batch, classes)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Coin-Flipping Neural Networks, Tables 1, 2 and 4: 79.71 +- 0.52 % on CIFAR-10 at depth 6 and
    58.09 +- 0.22 % on CIFAR-100 at depth 10.

    Example:
        >>> model = zoo.build("hypernet_deterministic", input_shape=(8, 8, 1), depth=2, embedding_dim=8)
        >>> model.get_layer("embedding").output.shape, model.output_shape
        ((None, 8), (None, 10))
    """
    seeds = layer_seeds(seed)
    inputs, pixels = image_input(input_shape, classes, mean, variance)
    embedding = _embedding(pixels, depth, embedding_dim, weight_decay=weight_decay, seeds=seeds)
    logits = linear(classes, weight_decay, seeds, name="logits")(embedding)
    return keras.Model(inputs, class_probabilities(logits))


def _embedding(pixels, depth: int, embedding_dim: int, *, weight_decay: float, seeds: Iterator[int]):
    """Embedding of images by N_e, `(batch, embedding_dim)`."""
    positive_int("embedding_dim", embedding_dim)
    x = features(pixels, blocks_of(depth), weight_decay, seeds)
    return linear(embedding_dim, weight_decay, seeds, name="embedding")(x)


def _generated(draws, label, candidate=None, *, length: int, weight_decay: float, seeds: Iterator[int]):
    """Features of a generator's one-dimensional ResNet over noise, the class's embedding and, if given, a candidate."""
    noise = RandomInput(length, seed=next(seeds))(draws)
    channels = [noise, linear(length, weight_decay, seeds)(label), *([] if candidate is None else [candidate])]
    stacked = keras.layers.Concatenate()([keras.layers.Reshape((length, 1))(channel) for channel in channels])
    return features(stacked, _GENERATOR, weight_decay, seeds)
