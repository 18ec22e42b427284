"""RandomInput: the random input of a generator."""

import keras
import numpy as np
from keras import ops

from zoo.layers.arguments import one_of, positive_int
from zoo.layers.coins import CoinLayer, drawn_in
from zoo.layers.seeds import fresh_seed, optional_seed, uniform

DISTRIBUTIONS = ("uniform", "normal", "categorical")
BELOW_ONE = {"bfloat16": 1 - 2**-8, "float16": 1 - 2**-11}  # the largest number below 1 of the dtype
FIXED_ROWS = 1000  # different rows of numbers at inference without flips; further rows repeat them


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class RandomInput(CoinLayer):
    """Random numbers for every row, from which a generator makes weights.

    Files keep the state of the random generator.

    Args:
        units: Positive int, numbers per row.
        distribution: "uniform", independent numbers in [0, 1); "normal", of mean 0 and variance 1; or "categorical", a
            one-hot vector, every class with probability 1 / units. Under mixed precision numbers are drawn in float32
            and rounded.
        flip_at_inference: Bool. False returns the same rows at every inference; training always draws new ones.
        without_flips: The rows at inference if `flip_at_inference` is False. "draws": 1,000 fixed draws in turn, or
            every class in turn, so that a mean over the rows of a batch is one fixed number, as behind `SharedDraws`;
            "mean": the distribution's mean in every row, which alone can be switched off behind `Amplify`.
        seed: None (drawn once; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32).

    Input shape: `(rows, ...)`; only the number of rows matters.
    Output shape: `(rows, units)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Coin-Flipping Neural Networks, appendix E (z and y).

    Example:
        >>> layer = layers.RandomInput(4, seed=0)
        >>> first, second = layer(np.zeros((2, 1))), layer(np.zeros((2, 1)))
        >>> tuple(first.shape), bool(keras.ops.any(first == second))
        ((2, 4), False)
    """

    seed: int  # never None: it determines the fixed rows

    def __init__(
        self,
        units: int,
        distribution: str = "uniform",
        flip_at_inference: bool = True,
        seed: int | None = None,
        without_flips: str = "draws",
        **kwargs,
    ) -> None:
        super().__init__(flip_at_inference, fresh_seed(optional_seed("seed", seed)), **kwargs)
        self.units = positive_int("units", units)
        self.distribution = one_of("distribution", distribution, DISTRIBUTIONS)
        self.without_flips = one_of("without_flips", without_flips, ("draws", "mean"))

    def build(self, input_shape) -> None:
        """Mark the layer as built; it has no weights."""
        self.built = True

    def call(self, inputs, training=None):
        """Draw every row, or at inference without `flip_at_inference` return the fixed ones."""
        rows = ops.shape(inputs)[0]
        if not self.flips(training):
            return self._fixed(rows)
        seed = self.generator(training)
        if self.distribution != "categorical":
            sample = keras.random.uniform if self.distribution == "uniform" else keras.random.normal
            numbers = sample((rows, self.units), seed=seed, dtype=drawn_in(self.compute_dtype))
            return self._rounded(numbers)
        classes = keras.random.randint((rows,), 0, self.units, seed=seed)
        return ops.one_hot(classes, self.units, dtype=self.compute_dtype)

    def _fixed(self, rows):
        if self.without_flips == "mean":
            mean = {"uniform": 0.5, "normal": 0.0, "categorical": 1 / self.units}[self.distribution]
            return ops.full((rows, self.units), mean, dtype=self.compute_dtype)
        if self.distribution == "categorical":
            return ops.one_hot(ops.arange(rows) % self.units, self.units, dtype=self.compute_dtype)
        numbers = uniform((FIXED_ROWS, self.units), self.seed)  # Keras's draws depend on backend and compiler
        if self.distribution == "normal":  # Box-Muller transform
            angles = 2 * np.pi * uniform((FIXED_ROWS, self.units), self.seed, 1)
            numbers = np.sqrt(-2 * np.log1p(-numbers)) * np.cos(angles)
        return self._rounded(ops.take(numbers, ops.arange(rows) % FIXED_ROWS, axis=0))

    def _rounded(self, numbers):
        if self.distribution == "uniform" and self.compute_dtype in BELOW_ONE:  # else 1 in 512 would round to 1
            numbers = ops.minimum(numbers, BELOW_ONE[self.compute_dtype])
        return ops.cast(numbers, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Return `(rows, units)`."""
        return (input_shape[0], self.units)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "distribution": self.distribution,
            "without_flips": self.without_flips,
        }
