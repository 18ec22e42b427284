"""What a model is asked about: examples and labels, checked once before anything is evaluated."""

import warnings

import keras
import numpy as np

from zoo.data.lazy_images import LazyImages, as_images
from zoo.graph import describe, inner_layers
from zoo.layers import NormalizePixels


def check_examples(model: keras.Model, x):
    """Return examples as an array or `LazyImages`, or a structure of arrays for a model of several inputs.

    Raises:
        ValueError: If there is none, they have NaN or infinities, or not the shape of the model's inputs.
    """
    if len(model.inputs) == 1 and not isinstance(x, dict):
        x = x[0] if isinstance(x, list | tuple) and len(x) == 1 and np.ndim(x[0]) == len(model.inputs[0].shape) else x
        return _checked(model, model.inputs[0], as_images(x), "x")
    given = keras.tree.flatten(x)
    if len(given) != len(model.inputs):
        names = ", ".join(one.name for one in model.inputs)
        raise ValueError(f"`x` must have one array for each of the inputs {names}. Received: {len(given)} arrays")
    arrays = [_checked(model, one, np.asarray(a), one.name) for one, a in zip(model.inputs, given, strict=True)]
    if len({len(a) for a in arrays}) != 1:
        raise ValueError(f"`x` must have as many examples for each input. Received: {[len(a) for a in arrays]}")
    return keras.tree.pack_sequence_as(x, arrays)


def _checked(model: keras.Model, wanted: keras.KerasTensor, x, name: str):
    if not (np.issubdtype(x.dtype, np.integer) or np.issubdtype(x.dtype, np.floating) or x.dtype == bool):
        raise ValueError(f"`{name}` must be an array of real numbers. Received: {name} of dtype {x.dtype}")
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"`{name}` must hold at least one example. Received: {name} of shape {x.shape}")
    shape = tuple(wanted.shape[1:])
    fits = len(shape) == x.ndim - 1 and all(n in (None, m) for n, m in zip(shape, x.shape[1:], strict=True))
    if not fits:
        raise ValueError(
            f"`{name}` must have the shape of the model's input, {(None, *shape)}. Received: {name} of shape {x.shape} "
            f"for {describe(model)}"
        )
    if np.issubdtype(x.dtype, np.floating) and not np.isfinite(x).all():
        count = int((~np.isfinite(x)).sum())
        raise ValueError(f"`{name}` must be finite. Received: {name} with infinities or NaN in {count} values")
    _check_pixels(model, x, name)
    return x


def _check_pixels(model: keras.Model, x, name: str) -> None:
    """Warn of pixels that look divided by 255 where the model divides them itself."""
    if isinstance(x, LazyImages) or not np.issubdtype(x.dtype, np.floating) or not 0 < x.max() <= 1 or x.min() < 0:
        return
    if any(isinstance(layer, NormalizePixels) for layer in inner_layers(model)):
        warnings.warn(
            f"`{name}` has pixels in [0, {x.max():.3g}], but {describe(model)} takes pixels in [0, 255] and divides "
            "them itself: multiply them by 255.",
            stacklevel=4,
        )


def check_labels(y, examples: int, shape: tuple, classes: int | None) -> np.ndarray:
    """Return labels as ints, one for each vote.

    Args:
        y: Labels `(examples, ...)`; a last axis of length 1 is dropped.
        examples: Number of examples.
        shape: Axes of a vote between the examples and the classes, `()` for one vote per example.
        classes: Number of classes; labels are ints in [0, classes). None leaves the range unchecked.

    Raises:
        ValueError: If they are no such labels.
    """
    y = np.asarray(y)
    if y.ndim == 0:
        raise ValueError(f"`y` must have one label per example. Received: y={y!r}")
    if len(y) != examples:
        raise ValueError(f"`y` must have one label per example. Received: {examples} examples and {len(y)} labels")
    if y.shape == (*y.shape[: 1 + len(shape)], 1):
        y = y[..., 0]
    if y.ndim != 1 + len(shape) or any(n not in (None, m) for n, m in zip(shape, y.shape[1:], strict=True)):
        raise ValueError(
            f"`y` must have one class index for each vote, shape {(examples, *shape)}; of one-hot rows take "
            f"y.argmax(-1). Received: y of shape {y.shape}"
        )
    whole = np.issubdtype(y.dtype, np.integer) or y.dtype == bool
    if not whole and not (np.issubdtype(y.dtype, np.floating) and (y == np.round(y)).all()):
        raise ValueError(f"`y` must hold class indices. Received: y of dtype {y.dtype}")
    y = y.astype(np.int64)
    if classes is not None and len(y) and (y.min() < 0 or y.max() >= classes):
        raise ValueError(f"`y` must hold class indices in [0, {classes}). Received: labels from {y.min()} to {y.max()}")
    return y
