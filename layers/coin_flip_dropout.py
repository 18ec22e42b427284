"""CoinFlipDropout: dropout as the coin of a coin-flipping network."""

import math

import keras
from keras import ops

from zoo.layers.arguments import proper_fraction
from zoo.layers.coin_bits import are_numbers, kept
from zoo.layers.coins import CoinLayer, drawn_in


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class CoinFlipDropout(CoinLayer):
    """Dropout that stays on at inference: every unit of every row flips its own coin.

    Kept units are scaled by `1 / (1 - rate)`, so that the mean over the coins is the input. Under mixed precision
    coins are flipped in float32, because a rate in bfloat16 would be a multiple of 1/128. Files (`.keras` and
    `.weights.h5`) keep the state of the random generator: a restored run flips the coins that it would have flipped.

    Args:
        rate: Float in [0, 1), the probability that a unit is dropped.
        noise_shape: None, or a tuple of one length for each of the input's axes, the rows among them: 1 where all
            share a coin, None where each has its own. `(None, 1, 1, None)` drops whole channels of images. The first
            is None: rows have coins of their own.
        flip_at_inference: Bool. True makes the network random at inference; False is ordinary dropout, whose
            inference replaces every coin by its mean.
        seed: None (drawn; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32).

    Input shape: Any, of floats; or a list of rows of flips and the draws of `SharedDraws`: then the examples of a batch
        share the coins of each flip, a network of one mask.
    Output shape: The shape of the input, of the rows.

    Raises:
        ValueError: If an argument is outside its range, or the inputs are not floats.

    Reference: Coin-Flipping Neural Networks, section 5.2 and appendix F.

    Example:
        >>> layer = layers.CoinFlipDropout(0.5, seed=0)
        >>> outputs = layer(np.ones((100, 100)), training=False)
        >>> np.unique(keras.ops.convert_to_numpy(outputs)).tolist()
        [0.0, 2.0]
    """

    takes_draws = True  # beside rows of flips; see flip_rows

    def __init__(
        self,
        rate: float,
        flip_at_inference: bool = True,
        seed: int | None = None,
        noise_shape: tuple[int | None, ...] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(flip_at_inference, seed, **kwargs)
        self.rate = proper_fraction("rate", rate)
        self.noise_shape = None if noise_shape is None else _noise_shape(noise_shape)
        self.supports_masking = True

    def build(self, input_shape) -> None:
        """Check the input's shape; the layer has no weights."""
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs, training=None):
        """Drop units in training, and at inference too if `flip_at_inference`."""
        inputs, draws = inputs if isinstance(inputs, list | tuple) else (inputs, None)
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if not keras.backend.is_float_dtype(dtype):
            raise ValueError(f"`inputs` of {self.name!r} must be floats. Received: inputs of dtype {dtype}")
        if self.rate == 0 or not self.flips(training):
            return inputs
        lengths = self.noise_shape or (None,) * len(inputs.shape)
        shape = [size if one is None else one for one, size in zip(lengths, ops.shape(inputs), strict=True)]
        generator, scale = self.generator(training), 1 / (1 - self.rate)
        if draws is None:
            return _dropped(inputs, kept(shape, self.rate, generator), scale, training)
        flips = ops.shape(draws)[0]
        coins = kept((flips, *shape[1:]), self.rate, generator)
        rows = ops.reshape(inputs, (-1, flips, *inputs.shape[1:]))
        return ops.reshape(_dropped(rows, coins, scale, training), (-1, *inputs.shape[1:]))

    def compute_mask(self, inputs, previous_mask):
        """Return the mask of the rows."""
        return previous_mask[0] if isinstance(previous_mask, list | tuple) else previous_mask

    def compute_output_shape(self, input_shape):
        """Return the shape of the rows."""
        shape = input_shape[0] if isinstance(input_shape[0], list | tuple) else input_shape
        if self.noise_shape is not None and len(self.noise_shape) != len(shape):
            raise ValueError(
                f"`noise_shape` must have one length for each axis of the input, {tuple(shape)}. "
                f"Received: noise_shape={self.noise_shape}"
            )
        return tuple(shape)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape}


def _dropped(inputs, coins, scale: float, training):
    """Return the inputs times `scale`, and 0 where coins are False, whatever the inputs are there, NaN among them."""
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    wide = drawn_in(dtype)
    if keras.backend.backend() == "tensorflow" and not are_numbers() and dtype == wide:
        return _product(inputs, coins, scale, training)
    exact = math.frexp(scale)[0] == 0.5  # a power of two: no rounding in any dtype
    scaled = inputs * scale if exact else ops.cast(ops.cast(inputs, wide) * scale, dtype)
    return ops.where(coins, scaled, ops.zeros((), dtype))


def _product(inputs, coins, scale: float, training):
    """Drop by TensorFlow's product, in less time than its select; the gradient of training keeps coins as bytes."""
    import tensorflow as tf  # other backends run without TensorFlow

    def product(x):
        return tf.math.multiply_no_nan(x, tf.cast(coins, x.dtype) * tf.cast(scale, x.dtype))

    def gradient(upstream):
        with tf.control_dependencies([upstream]):  # or floats would be made of the coins at once, and kept until now
            return product(upstream)

    return tf.custom_gradient(lambda x: (product(x), gradient))(inputs) if training else product(inputs)


def _noise_shape(value) -> tuple[int | None, ...]:
    lengths = tuple(value) if isinstance(value, list | tuple) else ()
    if not lengths or lengths[0] is not None or any(one not in (None, 1) for one in lengths):
        raise ValueError(
            f"`noise_shape` must be a tuple of None and 1 that begins with None. Received: noise_shape={value!r}"
        )
    return lengths
