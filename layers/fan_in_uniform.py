"""FanInUniform: PyTorch's initial weights and biases of linear layers and convolutions."""

import math

import keras
from keras import ops

from layers.arguments import fresh_seed, optional_seed, positive_int
from layers.initializers import uniform


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class FanInUniform(keras.initializers.Initializer):
    """Uniform on [-b, b] with b = 1 / sqrt(fan_in), for kernels and biases: a bias does not know its layer's fan-in.

    One object gives the same numbers at every call, on every backend and machine.

    Args:
        fan_in: Positive int, inputs of one unit.
        seed: None (drawn from the system's entropy, once) or int in [0, 2**32).

    Raises:
        ValueError: If an argument is out of range.

    Reference: On the Modularity of Hypernetworks, released code, which leaves PyTorch's default as it is.
    """

    def __init__(self, fan_in: int, seed: int | None = None) -> None:
        self.fan_in = positive_int("fan_in", fan_in)
        self.seed = fresh_seed(optional_seed("seed", seed))

    def __call__(self, shape, dtype=None):
        """Draw an array of that shape."""
        numbers = (2 * uniform(tuple(shape), self.seed) - 1) / math.sqrt(self.fan_in)
        return ops.convert_to_tensor(numbers, dtype=dtype or keras.config.floatx())

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"fan_in": self.fan_in, "seed": self.seed}
