"""What a model is asked about: examples and labels, checked once before anything is evaluated."""

import warnings
from collections.abc import Sequence

import keras
import numpy as np

from zoo.data.lazy_images import as_images
from zoo.data.split import Split
from zoo.graph import describe, ends, in_order, inner_layers
from zoo.layers import NormalizePixels
from zoo.layers.flip_rows import graph_of


def check_examples(model: keras.Model, x):
    """Return examples as an array or `LazyImages`, or a structure of arrays for a model of several inputs.

    Raises:
        ValueError: If there is none, they have NaN or infinities, or not the shape of the model's inputs.
    """
    if len(model.inputs) == 1 and not isinstance(x, dict):
        x = x[0] if isinstance(x, list | tuple) and len(x) == 1 and np.ndim(x[0]) == len(model.inputs[0].shape) else x
        return _checked(model, model.inputs[0], as_images(x), "x")
    given = in_order(model, x)
    if len(given) != len(model.inputs):
        names = ", ".join(one.name for one in model.inputs)
        raise ValueError(f"`x` must have one array for each of the inputs {names}. Received: {len(given)} arrays")
    arrays = [_checked(model, one, np.asarray(a), one.name) for one, a in zip(model.inputs, given, strict=True)]
    if len({len(a) for a in arrays}) != 1:
        raise ValueError(f"`x` must have as many examples for each input. Received: {[len(a) for a in arrays]}")
    return keras.tree.pack_sequence_as(ends(graph_of(model))[0], arrays)


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
    """Warn of pixels that look normalised, or lie outside [0, 255], where the model normalises raw ones itself."""
    if x.dtype in (np.uint8, bool) or not any(_takes_raw_pixels(layer) for layer in inner_layers(model)):
        return
    low, high = x.min(), x.max()
    small = np.issubdtype(x.dtype, np.floating) and 0 < high <= 1  # zeros are black
    if low >= 0 and high <= 255 and not small:
        return
    remedy = "multiply them by 255" if low >= 0 and high <= 1 else "bring them back to [0, 255]"
    warnings.warn(
        f"`{name}` has pixels in [{min(low, 0):.3g}, {high:.3g}], but {describe(model)} takes pixels in [0, 255] and "
        f"normalises them itself: {remedy}.",
        stacklevel=4,
    )


def _takes_raw_pixels(layer: keras.layers.Layer) -> bool:
    """Tell whether a layer brings [0, 255] to about [0, 1] or [-1, 1]."""
    if isinstance(layer, keras.layers.Rescaling):
        return bool(np.all(np.asarray(layer.scale) <= 1 / 100))
    return isinstance(layer, NormalizePixels)


def check_split(model: keras.Model, split: Split) -> None:
    """Check the examples that a classifier is trained on once, as `check_examples` and `check_labels` do.

    Images in files are checked when they are read; of them only shape and labels are.
    """
    x = check_examples(model, split.x)
    check_labels(split.y, len(x), (), model.output_shape[-1], split.class_names)


def check_labels(
    y, examples: int, shape: tuple, classes: int | None, class_names: Sequence[str] | None = None
) -> np.ndarray:
    """Return labels as ints, one for each vote.

    Args:
        y: Labels `(examples, ...)`; a last axis of length 1 is dropped.
        examples: Number of examples.
        shape: Axes of a vote between the examples and the classes, `()` for one vote per example.
        classes: Number of classes; labels are ints in [0, classes). None leaves the range unchecked.
        class_names: Names of the classes, for the error that texts cause; None where they are not known.

    Raises:
        ValueError: If they are no such labels.
    """
    y = np.asarray(y)
    if y.dtype.kind in "US" or (y.dtype.kind == "O" and any(isinstance(label, str | bytes) for label in y.flat)):
        names = f"its class_names, {', '.join(map(repr, class_names[:10]))}" if class_names else "its class_names"
        raise ValueError(
            "`y` must hold class indices, not texts: zoo.data.load numbers texts in the order of "
            f"{names}; of your own take [class_names.index(label) for label in y]. Received: y of "
            f"dtype {y.dtype} that begins with {y.ravel().tolist()[0]!r}"
        )
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
