"""Amplify: repeat each example so that a random network can flip several coins on it."""

import keras
from keras import ops

from zoo.layers.arguments import positive_int


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class Amplify(keras.layers.Layer):
    """Repeat each example so that a random network can flip `samples` coins on it.

    It belongs right before the first random layer: everything above it runs once per example. A network whose
    random part has several inputs (a residual branch and its shortcut) calls one `Amplify` on each of them.

    Args:
        samples: Positive int, flips per example.

    Input shape: `(batch, ...)`. Output shape: `(batch * samples, ...)`; rows `i * samples` to
    `(i + 1) * samples - 1` belong to example `i`.

    Raises:
        ValueError: If `samples` is not a positive int.

    Reference: Coin-Flipping Neural Networks, section 2.1.
    """

    def __init__(self, samples: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.samples = positive_int("samples", samples)
        self.supports_masking = False

    def build(self, input_shape) -> None:
        """Nothing to create."""
        self.built = True

    def call(self, inputs):
        """Repeat every row `samples` times, in place."""
        return inputs if self.samples == 1 else ops.repeat(inputs, self.samples, axis=0)

    def compute_output_shape(self, input_shape):
        """`(batch * samples, ...)`, with an unknown batch left unknown."""
        batch = input_shape[0]
        return (None if batch is None else batch * self.samples, *input_shape[1:])

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {**super().get_config(), "samples": self.samples}
