"""Distributions of frozen weights, from NumPy's counter-based generator: the same numbers on every backend."""

import math

import keras
import numpy as np
from keras import ops

from zoo.layers.arguments import positive_int
from zoo.layers.seeds import bits_24, fresh_seed, optional_seed, uniform


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class KaimingUniform(keras.initializers.Initializer):
    """KU: uniform on [-b, b] with b = sqrt(6 / fan_in), the gain for a ReLU.

    The fan_in of a kernel is the product of all its axes but the last. One object returns the same numbers at every
    call, on every backend and machine.

    Args:
        seed: None (drawn once; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32).

    Raises:
        ValueError: If the seed is out of range.

    Reference: IteRand, section 5 (parameter distributions).

    Example:
        >>> kernel = layers.KaimingUniform(seed=0)((6, 100))  # b = 1
        >>> 0.9 < float(keras.ops.max(kernel)) <= 1
        True
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = fresh_seed(optional_seed("seed", seed))

    def __call__(self, shape, dtype=None):
        """Draw a kernel of that shape."""
        return ops.convert_to_tensor(self.draw(tuple(shape)), dtype=dtype or keras.config.floatx())

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the numbers as a float32 NumPy array."""
        return self.draw_for(shape, math.prod(shape)).reshape(shape)

    def draw_for(self, shape: tuple[int, ...], count: int) -> np.ndarray:
        """Return `count` independent weights of a kernel of that shape, a float32 NumPy vector."""
        numbers = uniform((count,), self.seed)
        numbers *= 2
        numbers -= 1
        numbers *= np.float32(math.sqrt(6 / fan_in(shape)))
        return numbers

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"seed": self.seed}


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class SignedKaimingConstant(KaimingUniform):
    """SC: -c or c with c = sqrt(2 / fan_in), each with probability 1/2.

    Args:
        seed: None (drawn once; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32).

    Raises:
        ValueError: If the seed is out of range.

    Reference: What's Hidden in a Randomly Weighted Neural Network?, section 4; IteRand, section 5.

    Example:
        >>> kernel = layers.SignedKaimingConstant(seed=0)((2, 100))  # c = 1
        >>> np.unique(keras.ops.convert_to_numpy(kernel)).tolist()
        [-1.0, 1.0]
    """

    def draw_for(self, shape: tuple[int, ...], count: int) -> np.ndarray:
        """Return `count` independent weights of a kernel of that shape, a float32 NumPy vector."""
        return np.where(bits_24((count,), self.seed) < 2**23, -self.constant(shape), self.constant(shape))

    @staticmethod
    def constant(shape: tuple[int, ...]) -> np.float32:
        """Return the magnitude c of the weights of a kernel of that shape."""
        return np.float32(math.sqrt(2 / fan_in(shape)))


BY_NAME = {"kaiming_uniform": KaimingUniform, "signed_kaiming_constant": SignedKaimingConstant}


def get(name: str, identifier, seed: int) -> keras.initializers.Initializer:
    """Look up an initializer. One that is given by name, or without a seed, gets `seed`; others keep their own.

    Raises:
        ValueError: If there is no such initializer; the message names the argument `name`.
    """
    if identifier in tuple(BY_NAME):
        return BY_NAME[identifier](seed)
    try:
        found = keras.initializers.get(identifier)
    except (ValueError, TypeError, KeyError):
        found = None
    if not isinstance(found, keras.initializers.Initializer):
        raise ValueError(
            f"`{name}` must be one of {', '.join(map(repr, BY_NAME))} or a Keras initializer. "
            f"Received: {name}={identifier!r}"
        )
    return with_seed(found, seed) if isinstance(identifier, str) or _without_seed(found) else found


def _without_seed(initializer: keras.initializers.Initializer) -> bool:
    return initializer.get_config().get("seed", 0) is None


def with_seed(initializer: keras.initializers.Initializer, seed: int) -> keras.initializers.Initializer:
    """Return an initializer of the same distribution with another seed; one without a seed is only copied."""
    config = initializer.get_config()
    return type(initializer).from_config({**config, "seed": seed} if "seed" in config else config)


def draw_at(places: np.ndarray, initializer: keras.initializers.Initializer, shape: tuple[int, ...], dtype: str):
    """Draw the weights at some places of a kernel, flat indices, as a NumPy vector; where it can be, only those."""
    if type(initializer) in BY_NAME.values():
        return initializer.draw_for(shape, len(places))
    return ops.convert_to_numpy(initializer(shape, dtype)).reshape(-1)[places]


def fan_in(shape: tuple[int, ...]) -> int:
    """Number of inputs of a unit, for a kernel in Keras's layout: the product of all axes but the last."""
    return math.prod(shape[:-1])


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class FanInUniform(keras.initializers.Initializer):
    """Uniform on [-b, b] with b = 1 / sqrt(fan_in), for kernels and biases.

    `fan_in` is an argument because the shape of a bias does not show it. One object returns the same numbers at every
    call, on every backend and machine.

    Args:
        fan_in: Positive int, inputs of one unit.
        seed: None (drawn once; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32).

    Raises:
        ValueError: If an argument is out of range.

    Reference: On the Modularity of Hypernetworks, released code, which uses PyTorch's default.

    Example:
        >>> initializer = layers.FanInUniform(fan_in=4, seed=0)
        >>> print(keras.ops.convert_to_numpy(initializer((3,))).round(3))
        [-0.364 -0.486  0.438]
    """

    def __init__(self, fan_in: int, seed: int | None = None) -> None:
        self.fan_in = positive_int("fan_in", fan_in)
        self.seed = fresh_seed(optional_seed("seed", seed))

    def __call__(self, shape, dtype=None):
        """Draw an array of that shape."""
        numbers = (2 * uniform(tuple(shape), self.seed) - 1) / math.sqrt(self.fan_in)
        return ops.convert_to_tensor(numbers, dtype=dtype or keras.config.floatx())

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"fan_in": self.fan_in, "seed": self.seed}
