"""Batches of images in an order that can be resumed in mid-epoch, and the CIFAR augmentation."""

import numbers
from typing import Any

import keras
import numpy as np

_AUGMENT = (None, "crop", "crop_flip")


def crop_and_flip(images: np.ndarray, rng: np.random.Generator, padding: int = 4, flip: bool = True) -> np.ndarray:
    """Shift every image by up to `padding` pixels either way, filling with zeros, and mirror half of them.

    Args:
        images: `(n, h, w, c)`, any dtype.
        rng: Draws the `n` vertical offsets, then the `n` horizontal ones, both uniform in [0, 2 * padding]; then
            `n` numbers in [0, 1), an image is mirrored where its number is below 1/2.
        padding: Int >= 0, zeros put around each image before a window of its own size is cut out.
        flip: Whether to mirror left and right.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        ValueError: If `images` has no four axes or `padding` is negative.
    """
    if images.ndim != 4:
        raise ValueError(f"`images` must have shape (n, h, w, c). Received: images.shape={images.shape}")
    padding = _natural("padding", padding)
    n, height, width, _ = images.shape
    rows = rng.integers(0, 2 * padding, size=(n, 1), endpoint=True) + np.arange(height)
    columns = rng.integers(0, 2 * padding, size=(n, 1), endpoint=True) + np.arange(width)
    if flip:
        columns = np.where(rng.random((n, 1)) < 0.5, columns[:, ::-1], columns)
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


class Batches(keras.utils.PyDataset):
    """The shuffled, augmented batches of one epoch; they depend on nothing but `(seed, epoch, batch)`.

    For exact resume in mid-epoch: call `model.fit(batches, shuffle=False)` once per epoch, each with a `Batches` of
    its own (Keras's default would put the finished batches into an unseeded order).

    Args:
        x: `(n, ...)` array of examples, `(n, h, w, c)` where they are augmented.
        y: `(n, ...)` array of targets.
        batch_size: Positive int. The last batch of an epoch may be smaller.
        shuffle: Whether every epoch has an order of its own; False is the order of `x`.
        augment: None, "crop" or "crop_flip", see `crop_and_flip`.
        padding: Int >= 0, the largest shift; None for an eighth of the height, at least 1.
        seed: Int in [0, 2**32).
        epoch: Int >= 0.
        start: Number of the epoch's first batches to leave out: the first batch is batch `start`.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        batch_size: int = 128,
        *,
        shuffle: bool = True,
        augment: str | None = None,
        padding: int | None = None,
        seed: int = 0,
        epoch: int = 0,
        start: int = 0,
    ) -> None:
        super().__init__()
        self.x, self.y = np.asarray(x), np.asarray(y)
        if not self.x.ndim or not self.y.ndim or len(self.x) != len(self.y) or not len(self.x):
            raise ValueError(
                f"`x` and `y` must have the same length, at least 1. Received: shapes {self.x.shape}, {self.y.shape}"
            )
        if augment not in _AUGMENT:
            raise ValueError(f"`augment` must be one of None, 'crop', 'crop_flip'. Received: augment={augment!r}")
        if augment is not None and self.x.ndim != 4:
            raise ValueError(f"`x` must have shape (n, h, w, c) to augment it. Received: x.shape={self.x.shape}")
        self.batch_size = _natural("batch_size", batch_size, minimum=1)
        self.shuffle, self.augment = bool(shuffle), augment
        if padding is None:
            padding = max(1, self.x.shape[1] // 8) if augment else 0
        self.padding = _natural("padding", padding)
        self.seed, self.epoch = _natural("seed", seed), _natural("epoch", epoch)
        self.start = _natural("start", start)
        if self.start >= self._batches:
            raise ValueError(f"`start` must be below {self._batches}, the batches of an epoch. Received: start={start}")
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, self.epoch]))
        self._order = rng.permutation(len(self.x)) if self.shuffle else np.arange(len(self.x))

    def __len__(self) -> int:
        """Number of batches of the epoch from `start` on."""
        return self._batches - self.start

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch `index + start` of the epoch: `(b, ...)` examples and `(b, ...)` targets.

        Raises:
            IndexError: If `index` is not in [0, len).
        """
        if not 0 <= index < len(self):
            raise IndexError(f"`index` must be in [0, {len(self)}). Received: index={index}")
        batch = self.start + index
        rows = self._order[batch * self.batch_size : (batch + 1) * self.batch_size]
        images = self.x[rows]
        if self.augment:
            rng = np.random.default_rng(np.random.SeedSequence([self.seed, self.epoch, batch, 1]))
            images = crop_and_flip(images, rng, self.padding, flip=self.augment == "crop_flip")
        return images, self.y[rows]

    @property
    def _batches(self) -> int:
        return -(-len(self.x) // self.batch_size)


def _natural(name: str, value: Any, minimum: int = 0) -> int:
    """`value` as an int that is one word of a `SeedSequence`, or a `ValueError` that names the argument."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not minimum <= int(value) < 2**32:
        raise ValueError(f"`{name}` must be an int in [{minimum}, 2**32). Received: {name}={value!r}")
    return int(value)


def fit_input(batches: Batches) -> Any:
    """What to pass to `fit` and `evaluate` for these batches, in their order.

    On TensorFlow a `tf.data.Dataset`: Keras would read them through TensorFlow's generator op, which makes the
    process hand its memory back after every op from then on (two to three times the time of a step on a CPU).
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    x, y = batches[0]

    def read(index):
        images, labels = tf.numpy_function(lambda i: batches[int(i)], [index], [x.dtype, y.dtype], stateful=False)
        return tf.ensure_shape(images, (None, *x.shape[1:])), tf.ensure_shape(labels, (None, *y.shape[1:]))

    return tf.data.Dataset.range(len(batches)).map(read).prefetch(2)
