"""Supermask files: a trained masked model as packed bits, and what its random weights need to come back."""

import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.amplification.amplified import like_amplified
from zoo.graph import calls, uncompiled, without_memory
from zoo.layers.masks import kept
from zoo.layers.score_masked import masked_layers, require_masked_layers
from zoo.weights.structure import Where, check_structure
from zoo.weights.supermask_format import VALUES, Stored, little, pack, read, write
from zoo.weights.weights_file import UnfitError

# Arguments of calls by keyword, which Keras looks at only when a model runs; others it wants to be tensors.
_FLAGS = ("training", "use_causal_mask")
_TENSORS = Where("tensors or null", lambda value: all(isinstance(x, keras.KerasTensor) for x in _leaves(value)))
_FLAG = Where("true, false or null", lambda value: value is None or type(value) is bool)


def save_supermask(model: keras.Model, path: str | os.PathLike, *, values: str = "float32") -> None:
    """Save a trained masked model as its masks, one bit per weight, and as little else as gives its weights back.

    A layer whose kernel is still what its initializer drew (KU or SC, edge-popup) needs nothing else: the seed is in
    the model's config. Redrawn signed constants (SC, IteRand) take a sign bit per kept weight; other kernels take
    their kept weights. Scores and pruned weights are not stored, so a loaded model predicts the same but starts
    training afresh. Moving statistics and ordinary weights are stored as they are.

    Args:
        model: A Functional or Sequential model with score-masked layers.
        path: File to write; it appears whole or not at all.
        values: "float32", or "float16" to round kept weights that are stored as numbers.

    Raises:
        ValueError: If the model is neither or has no score-masked layer, a score is NaN, or `values` is unknown.

    Example:
        >>> model = zoo.build("conv6_iterand", width=0.1, input_shape=(8, 8, 1), seed=0)
        >>> zoo.save_supermask(model, "net.supermask")
        >>> again = zoo.load_supermask("net.supermask")
        >>> x = np.ones((1, 8, 8, 1))
        >>> bool(np.allclose(again(x), model(x), atol=1e-6))
        True
    """
    if values not in VALUES:
        raise ValueError(f"`values` must be one of {', '.join(map(repr, VALUES))}. Received: values={values!r}")
    masked, plain = require_masked_layers(model), like_amplified(uncompiled(model), model)
    packed = [pack(layer, values) for layer in masked]
    others = [ops.convert_to_numpy(variable) for variable in _others(model)]
    text = {
        "model": keras.saving.serialize_keras_object(plain),
        "layers": [description for description, _ in packed],
        "others": [{"shape": list(array.shape), "dtype": str(array.dtype)} for array in others],
    }
    write(path, text, [*(data for _, data in packed), *(little(array).tobytes() for array in others)])


def load_supermask(path: str | os.PathLike) -> keras.Model:
    """Load the model of a supermask file, on any backend; it predicts what the saved model did.

    Its scores are 1 for kept and 0 for pruned weights, and pruned weights are 0 where the file does not have them.
    `zoo.fold` makes an ordinary network of it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is altered, truncated, of a newer version, or not a supermask file.

    Example:
        >>> zoo.save_supermask(zoo.build("conv6_edge_popup", width=0.1, input_shape=(8, 8, 1), seed=0), "net.supermask")
        >>> zoo.load_supermask("net.supermask").output_shape
        (None, 10)
    """
    stored = read(Path(path))
    try:
        # Built once without memory: the sizes in the config are compared with what is stored before they are believed.
        with without_memory():
            plan = keras.saving.deserialize_keras_object(deepcopy(stored.config), safe_mode=True)
            _check_fits(plan, stored, path)
        _check_calls(plan)
        model = keras.saving.deserialize_keras_object(stored.config, safe_mode=True)
    except UnfitError:
        raise
    except Exception as error:  # whatever Keras makes of a config that it cannot build
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path} holds a model that cannot be built here: {reason}") from error
    _fill(model, stored, path)
    return model


def load_into(model: keras.Model, path: str | os.PathLike) -> None:
    """Give a model of the same architecture the masks and weights of a supermask file; raises as `load_supermask`."""
    stored = read(Path(path))
    _check_fits(model, stored, path)
    _fill(model, stored, path)


def _check_fits(model: Any, stored: Stored, path) -> None:
    """Raise a `ValueError` unless a model has the layers and variables of a file."""
    if not isinstance(model, keras.Model):
        raise UnfitError(f"{path} holds no model")
    masked, others = masked_layers(model), _others(model)
    shapes = [tuple(layer.kernel.shape) for layer in masked], [tuple(variable.shape) for variable in others]
    if shapes != ([layer.mask.shape for layer in stored.layers], [array.shape for array in stored.others]):
        raise UnfitError(f"{path} was saved from a model with other layers (classes, width, input_shape, ...)")
    for variable, array in zip(others, stored.others, strict=True):
        if _is_whole(np.dtype(keras.backend.standardize_dtype(variable.dtype))) != _is_whole(array.dtype):
            raise UnfitError(f"{path} was saved from a model with other dtypes: {array.dtype} for {variable.path!r}")
    for layer, (mask, *_) in zip(masked, stored.layers, strict=True):
        if mask.sum() != kept(mask.size, layer.sparsity):
            raise UnfitError(
                f"{path} was saved at another sparsity. Received: sparsity={layer.sparsity} in {layer.name!r}"
            )


def _check_calls(model: keras.Model) -> None:
    """Raise a `ValueError` if a call in a model's graph has an argument with which the model could not run."""
    for operation, arguments in calls(model):
        for name, value in arguments.items():
            if name in _FLAGS:
                check_structure(value, _FLAG, f"{operation.name}.{name}")
            elif name == "mask" or name.endswith("_mask"):
                check_structure(value, _TENSORS, f"{operation.name}.{name}")


def _leaves(value: Any) -> list:
    return [leaf for leaf in keras.tree.flatten(value) if leaf is not None]


def _is_whole(dtype: np.dtype) -> bool:
    return dtype.kind in "biu"


def _fill(model: keras.Model, stored: Stored, path) -> None:
    for layer, (mask, kernel, drawn) in zip(masked_layers(model), stored.layers, strict=True):
        layer.kernel.assign(kernel)
        layer.scores.assign(mask.astype(np.float32))
        if type(layer.kernel_initializer) is type(drawn):
            layer.kernel_initializer = drawn  # its seed draws this kernel: saved again, the layer is one bit per weight
    for variable, array in zip(_others(model), stored.others, strict=True):
        variable.assign(array)


def _others(model: keras.Model) -> list:
    """Variables that no mask describes, in the model's order."""
    described = {id(variable) for layer in masked_layers(model) for variable in (layer.kernel, layer.scores)}
    return [variable for variable in uncompiled(model).variables if id(variable) not in described]
