"""hold: fix some inputs of a model."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from zoo.graph import describe, uncompiled
from zoo.layers.arguments import check_known, finite_numbers


def hold(model: keras.Model, values: Mapping[str, ArrayLike]) -> keras.Model:
    """Fix inputs of a model: the same layers as a model of the other inputs, for probes that vary one input.

    Args:
        model: A Functional model.
        values: Name of an input -> its value, without the batch axis.

    Returns:
        A model whose inputs are those that are not held.

    Raises:
        ValueError: If a name is unknown, a value is not of its input's shape or not finite, or no input is left.

    Example:
        >>> model = zoo.build("mlp_embedding", x_size=3, condition_size=2, width=4, embedding_dim=5)
        >>> probes.hold(model, {"condition": [1.0, -1.0]}).input_shape
        (None, 3)
    """
    graph = uncompiled(model)
    graph = keras.Model(graph.inputs, graph.output, name=graph.name)  # inputs as a list, also where they are a dict
    for name in values:
        check_known("input", name, [x.name for x in graph.inputs])
    free = {x.name: keras.Input(x.shape[1:], dtype=x.dtype, name=x.name) for x in graph.inputs if x.name not in values}
    if not free:
        raise ValueError(f"`values` must leave an input of {describe(model)}. Received: {', '.join(values)}")
    first = next(iter(free.values()))
    parts = [free[x.name] if x.name in free else _held(x, values[x.name], first) for x in graph.inputs]
    inputs = list(free.values())
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], graph.call(parts), name=model.name)


def _held(wanted: keras.KerasTensor, value: ArrayLike, beside: keras.KerasTensor) -> Any:
    finite_numbers("values", value)
    array = np.asarray(value)  # ints stay ints
    fits = array.ndim == len(wanted.shape) - 1 and all(
        n in (None, size) for n, size in zip(wanted.shape[1:], array.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"`values` must be of the shape {wanted.shape[1:]} for {wanted.name!r}. Received: {array.shape}"
        )
    return Held(array.tolist(), dtype=wanted.dtype)(beside)


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class Held(keras.layers.Layer):
    """Constant `value`, a nested list, for every row of a batch.

    Args:
        value: Nested list of numbers.

    Input shape: `(batch, ...)`. Output shape: `(batch, *value.shape)`.
    """

    def __init__(self, value: Any, **kwargs) -> None:
        super().__init__(**kwargs)
        self.value = value

    def call(self, inputs):
        """Repeat the value for every row."""
        value = ops.convert_to_tensor(self.value, self.dtype)
        return ops.broadcast_to(value, (ops.shape(inputs)[0], *value.shape))

    def compute_output_shape(self, input_shape):
        """`(batch, *value.shape)`."""
        return (input_shape[0], *np.shape(self.value))

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "value": self.value}
