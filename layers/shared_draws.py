"""SharedDraws: one row per draw of a network's weights, whatever the batch."""

import keras
from keras import ops

from zoo.layers.arguments import positive_int


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class SharedDraws(keras.layers.Layer):
    """Open a branch of `samples` rows, one per draw of weights that all examples of a batch share.

    What follows (`RandomInput`, then a generator) computes on rows of draws, not of examples, and ends in
    `HyperDense(shared=True)`. The input only ties the branch to the graph; its values are not used. It is to shared
    draws what `Amplify` is to rows of coins.

    Args:
        samples: Positive int, draws per batch.

    Input shape: `(batch, ...)`. Output shape: `(samples, 1)`, zeros.

    Raises:
        ValueError: If `samples` is not a positive int.

    Reference: Coin-Flipping Neural Networks, appendix E.
    """

    def __init__(self, samples: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.samples = positive_int("samples", samples)

    def build(self, input_shape) -> None:
        """Nothing to create."""
        self.built = True

    def call(self, inputs):
        """Rows of zeros."""
        return ops.zeros((self.samples, 1), dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """`(samples, 1)`."""
        return (self.samples, 1)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {**super().get_config(), "samples": self.samples}
