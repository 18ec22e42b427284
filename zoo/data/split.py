"""Split: images and their labels."""

from typing import Any, NamedTuple

import numpy as np

from zoo.data.batches import Batches, fit_input, tf_dataset
from zoo.data.host_only import keep_off_gpus
from zoo.data.lazy_images import LazyImages
from zoo.layers.arguments import positive_int

_READ_AT_ONCE = 64  # examples of a tf.data.Dataset that gives single ones


class _Pair(NamedTuple):
    x: np.ndarray | LazyImages
    y: np.ndarray


class Split(_Pair):
    """Images and their labels; it unpacks as `x, y`.

    Args:
        x: `(n, h, w, c)` uint8 in [0, 255]; float32 in [0, 255] where an .npz file holds floats; `LazyImages` where
            the images are read from disk when they are asked for.
        y: `(n,)` int64, classes from 0.
        class_names: Names of the classes in the order of their numbers; None where classes are numbers only.

    Attributes:
        x: As given.
        y: As given.
        class_names: Tuple of str, or None.

    Example:
        >>> split = zoo.data.Split(np.zeros((4, 8, 8, 1), np.uint8), np.array([0, 1, 1, 0]), ("cat", "dog"))
        >>> split.x.shape, split.class_names
        ((4, 8, 8, 1), ('cat', 'dog'))
    """

    class_names: tuple[str, ...] | None

    def __new__(cls, x: Any, y: Any, class_names: tuple[str, ...] | None = None) -> "Split":
        """Pair of images and labels."""
        self = super().__new__(cls, x, y)
        self.class_names = class_names
        return self

    def batches(
        self,
        batch_size: int = 128,
        *,
        shuffle: bool = True,
        augment: str | None = None,
        padding: int | None = None,
        seed: int = 0,
    ) -> Any:
        """Batches for `model.fit`, `evaluate` and `predict`; each epoch has an order and an augmentation of its own.

        Images are read, decoded and augmented in threads behind the step. Pass `shuffle=False` to `fit`: the batches
        are in order, which Keras would change off TensorFlow.

        Args:
            batch_size: Positive int. The last batch of an epoch may be smaller.
            shuffle: Whether every epoch has an order of its own; False, for validation, keeps the order of `x`.
            augment: None, "crop", "crop_flip" or "resized_crop_flip", see `Batches`.
            padding: Int >= 0, see `Batches`.
            seed: Int in [0, 2**32), of order and augmentation.

        Returns:
            On TensorFlow a `tf.data.Dataset`, else a `keras.utils.PyDataset`.

        Raises:
            ValueError: If an argument is out of range, or there are no examples.

        Example:
            >>> train, val, test = zoo.data.load("digits")
            >>> model = zoo.build("conv6", input_shape=(8, 8, 1), width=0.05)
            >>> model.compile("sgd", "sparse_categorical_crossentropy")
            >>> history = model.fit(train.batches(256), shuffle=False, verbose=0)
        """
        batches = Batches(self.x, self.y, batch_size, shuffle=shuffle, augment=augment, padding=padding, seed=seed)
        return fit_input(batches, epochs=True)

    def as_dataset(self, batch_size: int | None = None) -> Any:
        """`tf.data.Dataset` of the examples in their order, read when they are asked for.

        Args:
            batch_size: Positive int; None gives single pairs `(h, w, c)`, `()`, else they are `(b, h, w, c)`, `(b,)`.

        Raises:
            ValueError: If `batch_size` is out of range, or there are no examples.
            ModuleNotFoundError: If tensorflow is not installed.

        Example:
            >>> dataset = zoo.data.load("digits").test.as_dataset(batch_size=100)
            >>> [len(labels) for _, labels in dataset.as_numpy_iterator()]
            [100, 100, 100, 60]
        """
        keep_off_gpus()
        import tensorflow as tf  # slow to import, and not needed by other backends

        size = _READ_AT_ONCE if batch_size is None else positive_int("batch_size", batch_size)
        batches = tf_dataset(Batches(self.x, self.y, size, shuffle=False))
        if batch_size is not None:
            return batches
        return batches.unbatch().apply(tf.data.experimental.assert_cardinality(len(self.y)))
