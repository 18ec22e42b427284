"""NormalDraw: normal numbers with given means and standard deviations."""

from typing import Any

import keras
from keras import ops

from zoo.layers.arguments import finite_float, probability, row_size
from zoo.layers.coins import CoinLayer, drawn_in
from zoo.layers.equal_rows import once


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class NormalDraw(CoinLayer):
    """Draw every unit of every row from N(mean, deviation^2): the random half of a `StochasticDense`.

    The output is `activation(t * (draw + bias))`. Files keep the state of the random generator.

    Args:
        bias: None or a float, a constant added before the gate.
        gate: None (t = 1), or the probability in [0, 1] that t is 1 and not 0, a coin for every row and unit.
        activation: Name or function of an activation, as in Keras; None is the identity.
        flip_at_inference: Bool. False replaces draws and gates by their means at inference.
        seed: None (drawn; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32).

    Input shape: `(rows, 2 * units)`, means and then standard deviations, as `KernelMoments` returns them.
    Output shape: `(rows, units)`.

    Raises:
        ValueError: If an argument is out of range, or the input has another shape.

    Reference: Coin-Flipping Neural Networks, section 3.

    Example:
        >>> draws = layers.NormalDraw(seed=0)(np.tile([5.0, 0.1], (1000, 1)))
        >>> tuple(draws.shape), abs(float(keras.ops.mean(draws)) - 5) < 0.02
        ((1000, 1), True)
    """

    def __init__(
        self,
        bias: float | None = None,
        gate: float | None = None,
        activation: Any = None,
        flip_at_inference: bool = True,
        seed: int | None = None,
        **kwargs,
    ) -> None:
        super().__init__(flip_at_inference, seed, **kwargs)
        self.bias = None if bias is None else finite_float("bias", bias)
        self.gate = None if gate is None else probability("gate", gate)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape) -> None:
        """Check the input's shape; the layer has no weights."""
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs, training=None):
        """Draw, or at inference without `flip_at_inference` take the means."""
        self.compute_output_shape(inputs.shape)
        flips, seed = self.flips(training), self.generator(training)
        moments, times = once(inputs) if flips else (inputs, None)
        mean, deviation = ops.split(moments, 2, axis=-1)
        shape = ops.shape(mean)
        if times is not None:  # equal rows: one of each meets the numbers of all
            mean, deviation, shape = mean[:, None], deviation[:, None], (shape[0], times, shape[1])
        if flips:
            noise = keras.random.normal(shape, seed=seed, dtype=drawn_in(self.compute_dtype))
            mean = ops.cast(noise, self.compute_dtype) * deviation + mean
        mean = mean if times is None else ops.reshape(mean, (-1, shape[-1]))  # an activation is of `(rows, units)`
        gate = gate_of(self.gate, ops.shape(mean), seed, self.compute_dtype, flips)
        return finish(mean, self.bias, gate, self.activation)

    def compute_output_shape(self, input_shape):
        """Return `(rows, units)`."""
        return (input_shape[0], row_size("NormalDraw", "(rows, 2 * units)", input_shape, multiple_of=2) // 2)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "bias": self.bias,
            "gate": self.gate,
            "activation": keras.activations.serialize(self.activation),
        }


def gate_of(probability: float | None, shape, seed_generator, dtype: str, flips: bool):
    """Gates: None without gates, zeros and ones of `shape` if coins flip, else their mean `probability`."""
    if probability is None or not flips:
        return probability
    numbers = keras.random.uniform(shape, seed=seed_generator, dtype=drawn_in(keras.config.floatx()))
    return ops.cast(numbers < probability, dtype)


def finish(outputs, bias: float | None, gate, activation):
    """Add the constant bias, multiply by the gates, apply the activation."""
    outputs = outputs if bias is None else outputs + bias
    return activation(outputs if gate is None else gate * outputs)
