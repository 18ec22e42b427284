"""Several devices, each of which computes a part of every batch."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import keras

from zoo.layers.arguments import positive_int


class SharedBatches(keras.distribution.DataParallel):
    """Keras's `DataParallel`, which also takes a batch that its devices do not divide: each computes the whole of it.

    The last batch of an epoch is often such a one. Padded, it would change the loss and the statistics of batch
    normalisation; Keras's own distribution ends with an `IndivisibleError`. Where several processes share a batch, each
    gives its own part of it, which its devices must divide.

    Args:
        devices: Names from `keras.distribution.list_devices()`; None for all.

    Raises:
        ValueError: In training, if the devices of one of several processes do not divide its part of a batch.

    Example:
        >>> from zoo.devices import SharedBatches
        >>> keras.distribution.set_distribution(SharedBatches())  # on JAX, before a model is built  # doctest: +SKIP
    """

    def __init__(self, devices: list[str] | None = None) -> None:
        super().__init__(devices=devices, auto_shard_dataset=False)  # what comes is a process's own part already
        _look_at_every_batch()

    def get_data_layout(self, data_shape):
        """Return the layout of a batch: its first axis over the devices, or the whole batch on each."""
        import jax  # Keras distributes on JAX only

        processes = jax.process_count()
        devices = self.num_model_replicas // processes
        if data_shape and data_shape[0] is not None and data_shape[0] % devices == 0:
            return super().get_data_layout(data_shape)
        if processes > 1:
            raise ValueError(
                f"The devices of each process, {devices}, must divide its part of a batch: leave a shorter last batch "
                f"out. Received: a part of {data_shape[0]} examples"
            )
        return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)


@functools.cache
def _look_at_every_batch() -> None:
    """Let `fit`, `evaluate` and `predict` ask for the layout of each batch: Keras takes the first one's for all."""
    from keras.src.backend.jax import trainer  # nothing public stands between data and devices

    before = trainer.JAXEpochIterator._get_distributed_iterator

    def iterator(self, distribution):
        if not isinstance(distribution, SharedBatches):
            return before(self, distribution)
        return map(trainer._distribute_data, self.data_adapter.get_jax_iterator())

    trainer.JAXEpochIterator._get_distributed_iterator = iterator


@contextmanager
def on_devices(count: int | None) -> Iterator[None]:
    """Build, train and evaluate models on that many devices inside; the numbers are those of one device.

    Args:
        count: Positive int; 1 and None leave everything as it is.

    Raises:
        ValueError: If there are fewer devices, or the backend cannot share batches between them.

    Example:
        >>> from zoo.devices import on_devices
        >>> with on_devices(1):
        ...     model = zoo.build("random_mlp", dim=2)
    """
    if count is None or positive_int("devices", count) == 1:
        yield
        return
    backend = keras.backend.backend()
    if backend != "jax":
        raise ValueError(
            f"`devices` must be 1 on {backend}: Keras distributes on JAX only, KERAS_BACKEND=jax. "
            f"Received: devices={count}"
        )
    found = keras.distribution.list_devices()
    if count > len(found):
        raise ValueError(
            f"`devices` must be at most {len(found)}, those that JAX finds: {', '.join(found)}. "
            f"Received: devices={count}"
        )
    with SharedBatches(found[:count]).scope():
        yield
