"""BinaryLogits: a score as the logits of two classes."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class BinaryLogits(keras.layers.Layer):
    """Logits of classes 0 and 1 from one score, whose sign is the class: `(-score / 2, score / 2)`.

    Their softmax is the sigmoid of the score; `MajorityVote` counts its sign and splits the vote of a score of 0.

    Input shape: `(rows, 1)`. Output shape: `(rows, 2)`.

    Raises:
        ValueError: If the input is not of that shape.
    """

    def build(self, input_shape) -> None:
        """Nothing to create; the shape is checked."""
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        """Half the score for class 1, half of it against class 0."""
        half = inputs / 2
        return ops.concatenate([-half, half], axis=-1)

    def compute_output_shape(self, input_shape):
        """`(rows, 2)`."""
        if len(input_shape) != 2 or input_shape[-1] != 1:
            raise ValueError(f"BinaryLogits takes (rows, 1). Received: input_shape={input_shape}")
        return (input_shape[0], 2)
