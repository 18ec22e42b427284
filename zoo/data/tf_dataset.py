"""Images and labels out of a tf.data.Dataset."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo.data.memory import memory
from zoo.data.named_classes import check_class_names, numbered
from zoo.data.resizing import resized_arrays
from zoo.data.split import Split


def is_tf_dataset(data: Any) -> bool:
    """Tell whether this is a `tf.data.Dataset`, without importing TensorFlow."""
    tensorflow = sys.modules.get("tensorflow")  # who made one has imported it
    return tensorflow is not None and isinstance(data, tensorflow.data.Dataset)


def read_tf_dataset(data: Any, names: tuple[str, ...] | None, size: tuple[int, int] | None, resize: str) -> Split:
    """Read all of a `tf.data.Dataset` once into memory, in the order it gives.

    Args:
        data: Pairs of an image `(h, w, c)` or `(h, w)` in [0, 255] and a label `()`, an int or a text; or batches of
            such, with one axis more.
        names: Names of the classes; None takes its attribute `class_names`, if it has one.
        size: Height and width, or None for the images' own.
        resize: "stretch" or "crop".

    Raises:
        ValueError: If its elements are others, images have several sizes or pixels outside [0, 255], a label is
            negative or none of `names`, it is empty or endless, or takes more than half of the machine's memory.
    """
    spec = data.element_spec
    ranks = [getattr(getattr(one, "shape", None), "rank", None) for one in spec] if isinstance(spec, tuple) else []
    # `(h, w, c)` with a one-hot label has the ranks of a batch of images without channels.
    one_hot = ranks == [3, 1] and spec[0].shape[-1] in (1, 2, 3, 4)
    if one_hot or ranks not in ([2, 0], [3, 0], [3, 1], [4, 1]):
        raise ValueError(
            "`name` must be a tf.data.Dataset of (image, label), an image (h, w, c) and a label (), or of batches of "
            f"such, one-hot labels as their argmax. Received: {spec}"
        )
    if int(data.cardinality()) == -1:
        raise ValueError("`name` must be a tf.data.Dataset that ends. Received: an endless one")
    images: list[np.ndarray] = []
    labels: list[Any] = []
    held = 0
    for x, y in _elements(data):
        x = _checked(x if ranks[1] else x[None])
        if len(x) != np.size(y):
            raise ValueError(f"`name` must have a label for each image. Received: {len(x)} images, {np.size(y)} labels")
        x = x if size is None else resized_arrays(x, size, resize)
        if images and x.shape[1:] != images[0].shape[1:]:
            raise ValueError(
                "`image_size` must be given where images have several sizes. Received: None, of images "
                f"{images[0].shape[1:]} and {x.shape[1:]}"
            )
        held += x.nbytes
        if held > memory() // 2:
            raise ValueError(f"`name` must take at most {memory() // 2:,} bytes, half of this machine's memory")
        images.append(x)
        labels.extend(np.atleast_1d(y).tolist())
    if not labels:
        raise ValueError("`name` must be a tf.data.Dataset with at least one example. Received: an empty one")
    return Split(np.concatenate(images), *_labels(labels, names or _own_names(data)))


def _elements(data: Any) -> Iterator[tuple]:
    """Yield the elements as NumPy arrays."""
    import tensorflow as tf

    try:
        yield from data.as_numpy_iterator()
    except tf.errors.OpError as error:
        raise ValueError(f"`name` must be a tf.data.Dataset that can be read: {error.message}") from error


def _own_names(data: Any) -> tuple[str, ...] | None:
    """Names that keras.utils.image_dataset_from_directory has put on its data set."""
    return check_class_names(getattr(data, "class_names", None))


def _checked(x: np.ndarray) -> np.ndarray:
    """Images `(b, h, w, c)`, uint8 or float32."""
    x = x[..., None] if x.ndim == 3 else x
    # Written so that NaN, for which no comparison holds, is refused as well.
    if x.dtype.kind not in "uif" or not x.size or not (x.min() >= 0 and x.max() <= 255):
        kind = f"{x.dtype} of shape {x.shape}" + (
            f" from {x.min()} to {x.max()}" if x.size and x.dtype != object else ""
        )
        raise ValueError(f"`name` must have images of finite pixels in [0, 255]. Received: {kind}")
    return x.astype(np.float32 if x.dtype.kind == "f" else np.uint8, copy=False)


def _labels(labels: list[Any], names: tuple[str, ...] | None) -> tuple[np.ndarray, tuple[str, ...] | None]:
    if isinstance(labels[0], bytes):
        texts = [label.decode(errors="replace") for label in labels]
        return numbered(texts, names, lambda index: f"Label {index} of `name`")
    y = np.asarray(labels)
    if y.dtype.kind not in "ui" or y.min() < 0:
        raise ValueError(f"`name` must have labels that are ints >= 0 or texts. Received: {y.dtype} from {y.min()}")
    return y.astype(np.int64), names
