"""CoinFlipDropout: dropout as the coin of a coin-flipping network."""

import keras
from keras import ops

from zoo.layers.arguments import proper_fraction
from zoo.layers.coins import CoinLayer, drawn_in


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class CoinFlipDropout(CoinLayer):
    """Dropout that stays on at inference: every unit of every row flips its own coin.

    Kept units are scaled by `1 / (1 - rate)`, so that the mean over the coins is the input. Under mixed precision
    coins are flipped in float32, because a rate in bfloat16 would be a multiple of 1/128. Files (`.keras` and
    `.weights.h5`) keep the state of the random generator: a restored run flips the coins that it would have flipped.

    Args:
        rate: Float in [0, 1), the probability that a unit is dropped.
        flip_at_inference: Bool. True makes the network random at inference; False is ordinary dropout, whose
            inference replaces every coin by its mean.
        seed: None (drawn from the system's entropy) or int in [0, 2**32).

    Input shape: Any.
    Output shape: The input's shape.

    Raises:
        ValueError: If an argument is outside its range.

    Reference: Coin-Flipping Neural Networks, section 5.2 and appendix F.

    Example:
        >>> layer = layers.CoinFlipDropout(0.5, seed=0)
        >>> outputs = layer(np.ones((100, 100)), training=False)
        >>> np.unique(keras.ops.convert_to_numpy(outputs)).tolist()
        [0.0, 2.0]
    """

    def __init__(self, rate: float, flip_at_inference: bool = True, seed: int | None = None, **kwargs) -> None:
        super().__init__(flip_at_inference, seed, **kwargs)
        self.rate = proper_fraction("rate", rate)
        self.supports_masking = True

    def build(self, input_shape) -> None:
        """Mark the layer as built; it has no weights."""
        self.built = True

    def call(self, inputs, training=None):
        """Drop units in training, and at inference too if `flip_at_inference`."""
        if self.rate == 0 or not (training or self.flip_at_inference):
            return inputs
        wide = ops.cast(inputs, drawn_in(keras.backend.standardize_dtype(inputs.dtype)))
        return ops.cast(keras.random.dropout(wide, self.rate, seed=self.seed_generator), inputs.dtype)

    def compute_output_shape(self, input_shape):
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate}
