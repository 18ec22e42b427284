"""SharedDraws: one row per draw of a network's weights, for a batch of any size."""

import keras
from keras import ops

from zoo.layers.arguments import positive_int


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class SharedDraws(keras.layers.Layer):
    """Open a branch of `samples` rows, one per draw of weights that all examples of a batch share.

    The layers of the branch (`RandomInput`, then a generator) compute on rows of draws, not of examples, and the
    branch ends in `HyperDense(shared=True)`. The input only connects the branch to the model; its values are not used.
    `Amplify` does the same for coins that every example flips for itself.

    Args:
        samples: Positive int, draws per batch.

    Input shape: `(batch, ...)`.
    Output shape: `(samples, 1)`, all zeros.

    Raises:
        ValueError: If `samples` is not a positive int.

    Reference: Coin-Flipping Neural Networks, appendix E.

    Example:
        >>> tuple(layers.SharedDraws(5)(np.ones((2, 3))).shape)
        (5, 1)
    """

    role = "draws"  # see flip_rows

    def __init__(self, samples: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.samples = positive_int("samples", samples)

    def build(self, input_shape) -> None:
        """Mark the layer as built; it has no weights."""
        self.built = True

    def call(self, inputs):
        """Return rows of zeros."""
        return ops.zeros((self.samples, 1), dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Return `(samples, 1)`."""
        return (self.samples, 1)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "samples": self.samples}
