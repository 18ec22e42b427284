"""BinaryLogits: a score as the logits of two classes."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class BinaryLogits(keras.layers.Layer):
    """Logits of classes 0 and 1 from one score, whose sign is the class: `(-score / 2, score / 2)`.

    The softmax of the logits is the sigmoid of the score. `MajorityVote` counts the score's sign, and splits the vote
    of a score of 0.

    Input shape: `(rows, 1)`.
    Output shape: `(rows, 2)`.

    Raises:
        ValueError: If the input has another shape.

    Example:
        >>> scores = np.array([[3.0], [-1.0]])
        >>> keras.ops.convert_to_numpy(layers.BinaryLogits()(scores)).tolist()
        [[-1.5, 1.5], [0.5, -0.5]]
    """

    def build(self, input_shape) -> None:
        """Check the input's shape; the layer has no weights."""
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        """Give half the score to class 1 and take half of it from class 0."""
        half = inputs / 2
        return ops.concatenate([-half, half], axis=-1)

    def compute_output_shape(self, input_shape):
        """Return `(rows, 2)`."""
        if len(input_shape) != 2 or input_shape[-1] != 1:
            raise ValueError(f"BinaryLogits takes (rows, 1). Received: input_shape={input_shape}")
        return (input_shape[0], 2)
