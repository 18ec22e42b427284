"""Several devices of one machine, each of which computes a part of every batch."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from zoo.layers.arguments import positive_int


class SharedBatches(keras.distribution.DataParallel):
    """Keras's `DataParallel`, which also takes a batch that its devices do not divide: each computes the whole of it.

    The last batch of an epoch is often such a one. Padded, it would change the loss and the statistics of batch
    normalisation; Keras's own distribution ends with an `IndivisibleError`.
    """

    def get_data_layout(self, data_shape):
        """Return the layout of a batch: its first axis over the devices, or the whole batch on each."""
        if data_shape and data_shape[0] is not None and data_shape[0] % self.num_model_replicas == 0:
            return super().get_data_layout(data_shape)
        return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)


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
    with SharedBatches(devices=found[:count]).scope():
        yield
