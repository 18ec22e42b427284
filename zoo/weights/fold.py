"""fold: a score-masked model as the ordinary network it stands for."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.amplification.amplified import like_amplified
from zoo.graph import uncompiled
from zoo.layers import ScoreMaskedConv
from zoo.layers.arguments import boolean
from zoo.layers.fixed_mask import FixedMaskConv, FixedMaskDense
from zoo.layers.masks import topk_mask_numpy
from zoo.layers.score_masked import ScoreMasked, masked_layers, require_masked_layers


def fold(model: keras.Model, *, trainable: bool = False) -> keras.Model:
    """Return the same function with `Conv2D` and `Dense` for the masked layers; their kernel is weight times mask.

    For inference and export: no mask is computed any more. The other layers are shared with `model`; the folded
    kernels are those of this moment.

    Args:
        model: A Functional or Sequential model; its score-masked layers may lie in models nested in it.
        trainable: Bool. True gives kernels that can be trained, under the mask of this moment: what is pruned stays 0.
            The layers are then subclasses of `Conv2D` and `Dense` that keep the mask as a weight.

    Raises:
        ValueError: If `trainable` is no bool, or the model is neither, has no score-masked layer or one inside a layer
            that is no model, or a score is NaN.

    Example:
        >>> model = zoo.build("conv6_iterand", width=0.1, input_shape=(8, 8, 1), seed=0)
        >>> [type(layer).__name__ for layer in zoo.fold(model).layers if layer.weights][:2]
        ['Conv2D', 'Conv2D']
    """
    require_masked_layers(model)
    boolean("trainable", trainable)
    folded: dict[int, keras.layers.Layer] = {}

    def replace(layer):
        if isinstance(layer, keras.Model) and masked_layers(layer):
            return fold(layer, trainable=trainable)
        if isinstance(layer, ScoreMasked):
            return folded.setdefault(id(layer), _ordinary(layer, trainable))
        if masked_layers(layer):
            raise ValueError(f"`model` must have its masked layers in models, not inside other layers: {layer.name!r}")
        return layer

    plain = uncompiled(model)  # a compiled clone would be compiled, too
    return like_amplified(keras.models.clone_model(plain, clone_function=replace), model)


def _ordinary(layer: ScoreMasked, trainable: bool) -> keras.layers.Layer:
    common = {
        "activation": layer.activation,
        "use_bias": False,
        "dtype": layer.dtype_policy,
        "name": layer.name,
        "trainable": trainable,
        "kernel_initializer": "zeros",
    }
    if isinstance(layer, ScoreMaskedConv):
        kind: Any = FixedMaskConv if trainable else keras.layers.Conv2D
        ordinary = kind(layer.filters, layer.kernel_size, layer.strides, layer.padding, "channels_last", **common)
    else:
        kind: Any = FixedMaskDense if trainable else keras.layers.Dense
        ordinary = kind(layer.units, **common)
    ordinary.build((*[None] * (layer.scores.ndim - 1), layer.scores.shape[-2]))
    mask = topk_mask_numpy(ops.convert_to_numpy(layer.scores), layer.sparsity, layer.score_transform)
    kernel = np.where(mask, ops.convert_to_numpy(layer.kernel), np.float32(0))
    ordinary.set_weights([kernel, mask] if trainable else [kernel])  # a kept weight may be 0, too
    return ordinary
