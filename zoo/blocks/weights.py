"""Layers whose weights are trained, or random and selected by a trained mask."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from zoo.layers import BatchNormalization, KaimingUniform, ScoreMaskedConv, ScoreMaskedDense, initializers
from zoo.layers.arguments import non_negative_float, positive_float


class LayerMakers(NamedTuple):
    """Constructors of the layers with weights that a builder uses; none has a bias.

    Example:
        >>> makers = zoo.blocks.weights.trained(0.0, iter(range(9)))
        >>> makers.linear(10).use_bias
        False
    """

    conv: Callable[..., keras.layers.Layer]
    linear: Callable[..., keras.layers.Layer]
    normalization: Callable[[], keras.layers.Layer]


def trained(weight_decay: float, seeds: Iterator[int]) -> LayerMakers:
    """Return makers of layers whose weights are trained, from Kaiming uniform ones on.

    Batch normalisation has a trained scale and offset.

    Args:
        weight_decay: Coupled L2 of every kernel, see `coupled`.
        seeds: Seeds, of which every kernel takes one.

    Example:
        >>> makers = zoo.blocks.weights.trained(1e-4, iter(range(9)))
        >>> makers.conv(8, 3, padding="same").filters
        8
    """

    def options() -> dict[str, Any]:
        return {
            "use_bias": False,
            "kernel_initializer": KaimingUniform(next(seeds)),
            "kernel_regularizer": coupled(weight_decay),
        }

    return LayerMakers(
        lambda *args, **kwargs: keras.layers.Conv2D(*args, data_format="channels_last", **kwargs, **options()),
        lambda *args, **kwargs: keras.layers.Dense(*args, **kwargs, **options()),
        lambda: BatchNormalization(momentum=0.9, epsilon=1e-5),
    )


def masked(
    *, sparsity: float, kernel_initializer: Any, score_transform: str, weight_decay: float, seeds: Iterator[int]
) -> LayerMakers:
    """Return makers of layers whose weights stay random under a mask, and whose scores, that choose it, are trained.

    Batch normalisation has neither scale nor offset.

    Args:
        sparsity: Fraction of the weights that the mask removes, in [0, 1).
        kernel_initializer: Initializer of the weights, as `ScoreMaskedConv` takes it.
        score_transform: "none" or "abs", as `ScoreMaskedConv` takes it.
        weight_decay: Coupled L2 of the scores, see `coupled`.
        seeds: Seeds, of which every layer takes one.

    Example:
        >>> makers = zoo.blocks.weights.masked(
        ...     sparsity=0.5,
        ...     kernel_initializer="kaiming_uniform",
        ...     score_transform="none",
        ...     weight_decay=0.0,
        ...     seeds=iter(range(9)),
        ... )
        >>> type(makers.linear(10)).__name__
        'ScoreMaskedDense'
    """

    def options() -> dict[str, Any]:
        seed = next(seeds)
        return {
            "sparsity": sparsity,
            "score_transform": score_transform,
            "kernel_initializer": _own(kernel_initializer, seed),
            "score_regularizer": coupled(weight_decay),
            "seed": seed,
        }

    return LayerMakers(
        lambda *args, **kwargs: ScoreMaskedConv(*args, **kwargs, **options()),
        lambda *args, **kwargs: ScoreMaskedDense(*args, **kwargs, **options()),
        lambda: BatchNormalization(momentum=0.9, epsilon=1e-5, center=False, scale=False),
    )


def _own(initializer: Any, seed: int) -> Any:
    """Return a layer's own of an initializer that all share: one object draws the same numbers for each of them."""
    if isinstance(initializer, str):
        return initializer  # the layer gives it a seed
    (own,) = np.random.SeedSequence([seed, 1]).generate_state(1)
    return initializers.with_seed(initializers.get("kernel_initializer", initializer, seed), int(own))


def coupled(weight_decay: float) -> keras.regularizers.Regularizer | None:
    """L2 penalty that is the papers' weight decay: its gradient is `weight_decay` times the weight.

    Raises:
        ValueError: If `weight_decay` is negative or not finite.

    Example:
        >>> penalty = zoo.blocks.weights.coupled(0.1)
        >>> round(float(penalty(np.array([2.0]))), 6)  # 0.1 / 2 * 2**2
        0.2
    """
    decay = non_negative_float("weight_decay", weight_decay)
    return keras.regularizers.L2(decay / 2) if decay else None


def channels(base: int, width: float) -> int:
    """Number of channels at a width factor, `base * width` rounded down.

    Raises:
        ValueError: If none are left, or `width` is not a positive float.

    Example:
        >>> zoo.blocks.weights.channels(64, 0.25)
        16
    """
    number = int(base * positive_float("width", width))
    if number < 1:
        raise ValueError(f"`width` must leave at least one of {base} channels. Received: width={width!r}")
    return number
