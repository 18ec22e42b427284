"""NormalizePixels: normalise raw pixels inside the model."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class NormalizePixels(keras.layers.Layer):
    """Map pixels in [0, 255] to `(pixel / 255 - mean) / sqrt(variance)`.

    Unlike Keras's `Rescaling` and `Normalization` it does not need TensorFlow on other backends.

    Args:
        mean: Number, or a sequence of one number per channel: the mean of the pixels divided by 255.
        variance: Positive number, or a sequence of one per channel: the variance of the pixels divided by 255.

    Input shape: `(..., channels)`.
    Output shape: The input's shape.

    Raises:
        ValueError: If an argument holds anything but finite numbers, a variance is not positive, or there is neither
            one number nor one per channel.

    Example:
        >>> layer = layers.NormalizePixels(mean=0.5, variance=0.25)
        >>> print(keras.ops.convert_to_numpy(layer(np.array([[0.0, 255.0]]))).round(3))
        [[-1.  1.]]
    """

    def __init__(self, mean=0.5, variance=0.0625, **kwargs) -> None:
        super().__init__(**kwargs)
        self.mean, self.variance = _numbers("mean", mean), _numbers("variance", variance)
        if np.min(self.variance) <= 0:
            raise ValueError(f"`variance` must be positive. Received: variance={variance!r}")

    def build(self, input_shape) -> None:
        """Check the number of channels; the layer has no weights."""
        for name, value in (("mean", self.mean), ("variance", self.variance)):
            if isinstance(value, list) and len(value) not in (1, input_shape[-1]):
                raise ValueError(f"`{name}` must have one number per channel, {input_shape[-1]}. Received: {value!r}")
        self.built = True

    def call(self, inputs):
        """Normalise every channel."""
        inputs = ops.cast(inputs, self.compute_dtype)  # integers are no fractions
        mean, scale = np.multiply(self.mean, 255.0), 1 / (255.0 * np.sqrt(self.variance))
        shifted = ops.subtract(inputs, ops.convert_to_tensor(mean, dtype=inputs.dtype))
        return ops.multiply(shifted, ops.convert_to_tensor(scale, dtype=inputs.dtype))

    def compute_output_shape(self, input_shape):
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "mean": self.mean, "variance": self.variance}


def _numbers(name: str, value) -> float | list[float]:
    try:
        array = np.asarray(value, dtype=float)
    except (ValueError, TypeError):
        array = np.array(np.nan)
    if array.ndim > 1 or not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be a finite number or a sequence of them. Received: {name}={value!r}")
    return array.tolist()
