"""KernelMoments: mean and standard deviation of an input's product with a random kernel."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.layers.arguments import boolean, finite_float, non_negative_float, positive_int, row_size
from zoo.layers.coins import drawn_in

_LEAST, _PARTS = 32, 8  # inputs are squared in parts at inference: all squares would take as much memory as the input
_RAW_ZERO = -110.0  # its softplus is 0 in float32


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class KernelMoments(keras.layers.Layer):
    """Mean and standard deviation of `x @ kernel`, where kernel = loc + scale * noise.

    The noise has mean 0 and variance 1. If it is normal, the two moments determine the product's law: `KernelMoments`
    and then `NormalDraw` are a `StochasticDense`. With an `Amplify` layer between them the products are computed once
    per example, and only the draws once per flip.

    Args:
        units: Positive int.
        loc_initializer: A float or an initializer `(inputs, units)`: the kernel's mean.
        scale_initializer: A float >= 0 or an initializer `(inputs, units)`, whose signs are dropped: the kernel's
            standard deviation. The weight is `raw_scale` and the scale its softplus; a scale that begins at 0 stays 0
            (weight decay aside).
        trainable: Bool, whether `loc` and `scale` are trained.

    Input shape: `(rows, inputs)`.
    Output shape: `(rows, 2 * units)`, the means and then the deviations.

    Raises:
        ValueError: If an argument is out of range, or the input has another shape.

    Reference: Coin-Flipping Neural Networks, section 2 (random variables as parameters) and section 3.

    Example:
        >>> layer = layers.KernelMoments(1, loc_initializer=0.5, scale_initializer=0.25)
        >>> print(keras.ops.convert_to_numpy(layer(np.ones((1, 4)))).round(3))  # 4 * 0.5 and sqrt(4) * 0.25
        [[2.  0.5]]
    """

    def __init__(
        self,
        units: int,
        loc_initializer: Any = "glorot_uniform",
        scale_initializer: Any = 0.05,
        trainable: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(trainable=boolean("trainable", trainable), **kwargs)
        self.units = positive_int("units", units)
        self.loc_initializer = _initializer("loc_initializer", loc_initializer, finite_float)
        self.scale_initializer = _initializer("scale_initializer", scale_initializer, non_negative_float)

    def build(self, input_shape) -> None:
        """Create `loc` and `raw_scale`."""
        self.compute_output_shape(input_shape)
        shape = (input_shape[-1], self.units)
        self.loc = self.add_weight(shape=shape, initializer=self.loc_initializer, name="loc")
        self.raw_scale = self.add_weight(
            shape=shape, initializer=self._initial_raw_scale, name="raw_scale", autocast=False
        )
        self.built = True

    def _initial_raw_scale(self, shape, dtype=None):
        scale = ops.abs(self.scale_initializer(shape, dtype=dtype))
        return ops.maximum(scale + ops.log(-ops.expm1(-scale)), _RAW_ZERO)  # the inverse of softplus

    @property
    def scale(self):
        """Standard deviation of the kernel, `(inputs, units)`."""
        return ops.softplus(ops.convert_to_tensor(self.raw_scale))

    def call(self, inputs, training=None):
        """Compute the means and deviations of every row."""
        self.compute_output_shape(inputs.shape)
        mean = ops.matmul(inputs, ops.convert_to_tensor(self.loc, dtype=self.compute_dtype))
        size = inputs.shape[-1]
        block = size if training else max(_LEAST, -(-size // _PARTS))  # training keeps all squares for its gradients
        return ops.concatenate([mean, self._deviation(inputs, block)], axis=-1)

    def _deviation(self, inputs, block: int):
        rows, size, wide = ops.shape(inputs)[0], inputs.shape[-1], drawn_in(self.compute_dtype)
        squares = ops.square(ops.cast(self.scale, wide))  # 256^2 is infinite in float16
        variance = ops.zeros((rows, self.units), dtype=wide)
        for start in range(0, size, block):
            # No variance is negative; the check makes a block wait until the one before it has freed its memory.
            first = start + ops.cast(ops.any(variance[:1] < 0), "int32")
            columns = ops.slice(inputs, (ops.cast(0, "int32"), first), (rows, min(block, size - start)))
            product = ops.matmul(ops.square(ops.cast(columns, wide)), squares[start : start + block])
            variance = variance + product
        positive = ops.greater(variance, 0)
        deviation = ops.where(positive, ops.sqrt(ops.where(positive, variance, 1.0)), 0.0)  # sqrt has no slope at 0
        return ops.cast(deviation, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Return `(rows, 2 * units)`."""
        row_size("KernelMoments", "(rows, inputs)", input_shape)
        return (input_shape[0], 2 * self.units)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "loc_initializer": keras.initializers.serialize(self.loc_initializer),
            "scale_initializer": keras.initializers.serialize(self.scale_initializer),
        }


def _initializer(name: str, value: Any, number):
    if isinstance(value, int | float | np.number):
        return keras.initializers.Constant(number(name, value))
    try:
        found = keras.initializers.get(value)
    except (ValueError, TypeError):
        found = None
    if found is None:
        raise ValueError(f"`{name}` must be a number or an initializer. Received: {name}={value!r}")
    return found
