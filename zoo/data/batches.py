"""Batches of images in an order that can be resumed in mid-epoch, and the CIFAR augmentation."""

import contextlib
import functools
import os
import traceback
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

from zoo.data.augmentation import crop_and_flip, resized_crop_and_flip
from zoo.data.lazy_images import LazyImages, as_images
from zoo.layers.arguments import int_at_least

_COLLECTING: list[list[Exception]] = []  # what reading batches raises, for every `plain_errors` that is open
_AHEAD = 2  # batches that are ready before they are asked for
_AUGMENT = (None, "crop", "crop_flip", "resized_crop_flip")


class Batches(keras.utils.PyDataset):
    """The shuffled, augmented batches of one epoch; they depend on nothing but `(seed, epoch, batch)`.

    For exact resume in mid-epoch: call `model.fit(batches, shuffle=False)` once per epoch, each with a `Batches` of
    its own (Keras's default would put the finished batches into an unseeded order). For a `fit` of several epochs see
    `Split.batches`.

    Args:
        x: `(n, ...)` array of examples, `(n, h, w, c)` where they are augmented; or `LazyImages`, read batch by batch.
        y: `(n, ...)` array of targets.
        batch_size: Positive int. The last batch of an epoch may be smaller.
        shuffle: Whether every epoch has an order of its own; False is the order of `x`.
        augment: None; "crop" or "crop_flip", see `crop_and_flip`; or "resized_crop_flip", see `resized_crop_and_flip`:
            of `LazyImages` it cuts the images as stored, without padding.
        padding: Int >= 0, zeros put around an image before it is cut; None for an eighth of the height, at least 1.
        seed: Int in [0, 2**32).
        epoch: Int >= 0.
        start: Number of the epoch's first batches to leave out: the first batch is batch `start`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> batches = zoo.data.Batches(np.zeros((10, 8, 8, 1)), np.arange(10), batch_size=4, seed=1)
        >>> [len(labels) for _, labels in (batches[i] for i in range(3))]
        [4, 4, 2]
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
        self.x, self.y = as_images(x), np.asarray(y)
        if not self.x.ndim or not self.y.ndim or len(self.x) != len(self.y) or not len(self.x):
            raise ValueError(
                f"`x` and `y` must have the same length, at least 1. Received: shapes {self.x.shape}, {self.y.shape}"
            )
        if augment not in _AUGMENT:
            raise ValueError(
                f"`augment` must be one of {', '.join(map(repr, _AUGMENT))}. Received: augment={augment!r}"
            )
        if augment is not None and self.x.ndim != 4:
            raise ValueError(f"`x` must have shape (n, h, w, c) to augment it. Received: x.shape={self.x.shape}")
        self.batch_size = int_at_least("batch_size", batch_size, minimum=1)
        self.shuffle, self.augment = bool(shuffle), augment
        self._cuts_stored = augment == "resized_crop_flip" and isinstance(self.x, LazyImages)
        if padding is None:
            padding = max(1, self.x.shape[1] // 8) if augment and not self._cuts_stored else 0
        self.padding = int_at_least("padding", padding)
        if self.padding and self._cuts_stored:
            raise ValueError(f"`padding` must be None or 0 where stored images are cut. Received: padding={padding!r}")
        self.seed, self.epoch = int_at_least("seed", seed), int_at_least("epoch", epoch)
        self.start = int_at_least("start", start)
        if self.start >= self._batches:
            raise ValueError(f"`start` must be below {self._batches}, the batches of an epoch. Received: start={start}")
        self._order = self._new_order()

    def next_epoch(self) -> None:
        """Become the batches of the next epoch, from its first one on."""
        self.epoch, self.start = self.epoch + 1, 0
        self._order = self._new_order()

    def _new_order(self) -> np.ndarray:
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, self.epoch]))
        return rng.permutation(len(self.x)) if self.shuffle else np.arange(len(self.x))

    def __len__(self) -> int:
        """Number of batches of the epoch from `start` on."""
        return self._batches - self.start

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch `index + start` of the epoch: `(b, ...)` examples and `(b, ...)` targets.

        Raises:
            IndexError: If `index` is not in [0, len).
        """
        return self.read(index)

    def read(self, index: int, on_device: bool = False) -> tuple[Any, np.ndarray]:
        """The same batch; its examples are augmented in a compiled function of JAX where it is said so."""
        if not 0 <= index < len(self):
            raise IndexError(f"`index` must be in [0, {len(self)}). Received: index={index}")
        batch = self.start + index
        rows = self._order[batch * self.batch_size : (batch + 1) * self.batch_size]
        return self._images(rows, batch, on_device and self.x.dtype in (np.uint8, np.float32)), self.y[rows]

    def _images(self, rows: np.ndarray, batch: int, on_device: bool) -> Any:
        if self.augment is None:
            return self.x[rows]
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, self.epoch, batch, 1]))
        if isinstance(self.x, LazyImages) and self._cuts_stored:
            return self.x.read(rows, rng)
        if self.augment == "resized_crop_flip":
            return resized_crop_and_flip(self.x[rows], rng, self.padding, on_device)
        return crop_and_flip(self.x[rows], rng, self.padding, self.augment == "crop_flip", on_device)

    @property
    def _batches(self) -> int:
        return -(-len(self.x) // self.batch_size)


def fit_input(batches: Batches, epochs: bool = False) -> Any:
    """Return the input of `fit` and `evaluate` for these batches, in their order, read in a thread behind the step.

    On TensorFlow a `tf.data.Dataset`: Keras would read them through TensorFlow's generator op, which makes the
    process hand its memory back after every op from then on (two to three times the time of a step on a CPU).

    Args:
        batches: The batches.
        epochs: Whether those of the next epoch follow once the last one was taken, for a `fit` of several epochs: its
            first epoch has the order of `batches.epoch`, each one the next. Those that Keras builds a model by on JAX
            and torch are no epoch. (Within a scope of `tf.distribute` they are.)

    Raises:
        ValueError: If `epochs` is True and `batches` leaves out the first ones of its epoch: Keras would leave them out
            of the others, too.

    Example:
        >>> batches = zoo.data.Batches(np.zeros((10, 3)), np.zeros((10, 1)), batch_size=5)
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> float(model.evaluate(zoo.data.fit_input(batches), verbose=0))
        0.0
    """
    if epochs and batches.start:
        raise ValueError(f"`start` must be 0 for several epochs. Received: batches.start={batches.start}")
    if keras.backend.backend() != "tensorflow":
        return _ReadAhead(batches, epochs)
    dataset = tf_dataset(batches)
    return _with_epochs(dataset, batches) if epochs else dataset


def tf_dataset(batches: Batches) -> Any:
    """`tf.data.Dataset` of the batches in their order."""
    import tensorflow as tf  # slow to import, and not needed by other backends

    x, y = batches.x, batches.y
    x_type = x.dtype

    def batch(index):
        try:
            return batches[int(index)]
        except Exception as error:
            for collected in _COLLECTING:
                collected.append(error)
            raise

    def read(index):
        images, labels = tf.numpy_function(batch, [index], [x_type, y.dtype], stateful=False)
        return tf.ensure_shape(images, (None, *x.shape[1:])), tf.ensure_shape(labels, (None, *y.shape[1:]))

    return tf.data.Dataset.range(len(batches)).map(read).prefetch(_AHEAD)


def _with_epochs(dataset: Any, batches: Batches) -> Any:
    """The same data set, of the next epoch as soon as its last batch was taken."""
    import tensorflow as tf

    def end(batch):
        batches.next_epoch()
        return batch

    def after(index, batch):
        images, labels = batch
        ended = tf.equal(index, len(batches) - 1)
        again = tf.cond(ended, lambda: tf.numpy_function(end, [index], index.dtype), lambda: index)
        with tf.control_dependencies([again]):
            return tf.identity(images), labels

    return dataset.enumerate().map(after)


class _ReadAhead(keras.utils.PyDataset):
    """The same batches, the next ones read by a thread meanwhile, as long as they are asked for in their order."""

    def __init__(self, batches: Batches, epochs: bool) -> None:
        super().__init__()
        self._batches, self._epochs, self._taken = batches, epochs, -1
        self._given: set[int] = set()
        self._is_epoch = True
        self._ahead: dict[int, Future] = {}

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        in_order, self._taken = index in (0, self._taken + 1), index
        self._given.add(index)
        found = self._ahead.get(index) or self._submit(index)
        ahead = range(index + 1, min(index + 1 + _AHEAD, len(self))) if in_order else ()
        self._ahead = {one: self._ahead.get(one) or self._submit(one) for one in ahead}
        return found.result()

    def on_epoch_begin(self) -> None:
        """Begin a pass, of an epoch or of the batches that Keras builds a model by."""
        # Only Keras's own function tells: the calls here are those of an epoch, and its batches may be all there are.
        callers = (frame.f_code.co_name for frame, _ in traceback.walk_stack(None))
        self._is_epoch, self._given = "_symbolic_build" not in callers, set()

    def on_epoch_end(self) -> None:
        """Go on to the next epoch; Keras calls it before the first one, too."""
        if self._epochs and self._is_epoch and len(self._given) == len(self):  # in whatever order
            self._ahead, self._given = {}, set()
            self._batches.next_epoch()
        self._taken = -1

    def _submit(self, index: int) -> Future:
        return _reader().submit(self._batches.read, index, keras.backend.backend() == "jax")


@functools.cache
def _reader() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="batches")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reader.cache_clear)  # a forked process has the pool without its thread


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Raise what reading a batch of `fit_input` raises inside, a damaged image's `ValueError`, as it is.

    Keras raises TensorFlow's error of it otherwise, of some dozen lines, among them this one.
    """
    collected: list[Exception] = []
    _COLLECTING.append(collected)
    try:
        yield
    except Exception:
        if collected:
            raise collected[0] from None
        raise
    finally:
        _COLLECTING[:] = [one for one in _COLLECTING if one is not collected]
