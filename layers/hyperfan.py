"""Hyperfan: initial weights for the layer that generates another layer's weights."""

import keras
import numpy as np
from keras import ops

from zoo.layers.arguments import boolean, one_of, positive_float, positive_int
from zoo.layers.hyper_dense import HyperDense
from zoo.layers.seeds import fresh_seed, optional_seed, uniform

MODES = ("fan_in", "fan_out", "harmonic")


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class Hyperfan(keras.initializers.Initializer):
    """Kernel of the last linear layer of a hypernetwork, such that the layer it generates keeps its variance.

    It is made for `Dense(HyperDense.parameter_count(inputs, units))` with a bias that begins at 0. Numbers are uniform
    with mean 0. Their variance differs between the columns that generate kernel entries and those that generate
    biases. With d_k the inputs of the generating layer, V = `variance` and g = `gain`, the variances are:

    - "fan_in": g / (B inputs d_k V) for the kernel, where B is 2 with a bias and 1 without; g / (2 d_k V) for the bias.
      inputs of mean square m then give outputs of variance g m without a bias, g (m + 1) / 2 with one;
    - "fan_out": g / (units d_k V) for the kernel, max(0, g (1 - inputs / units) / (d_k V)) for the bias: gradients
      keep their variance;
    - "harmonic": the harmonic mean 2 / (1 / var_in + 1 / var_out) of both.

    Args:
        inputs: Positive int, inputs of the generated layer.
        units: Positive int, its units.
        mode: "fan_in", "fan_out" or "harmonic", see above.
        variance: Positive float, the mean square of the generating layer's inputs.
        gain: Positive float: 2 if the generated layer's inputs are outputs of a ReLU, else 1.
        use_bias: Bool, whether a bias is generated.
        seed: None (drawn once; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32).

    Raises:
        ValueError: If an argument is out of range, or the kernel to draw has another number of columns.

    Reference: Principled Weight Initialization for Hypernetworks (Chang, Flokas, Lipson, 2020), sections 4 and 5.

    Example:
        >>> initializer = layers.Hyperfan(inputs=3, units=4, seed=0)
        >>> generator = keras.layers.Dense(layers.HyperDense.parameter_count(3, 4), kernel_initializer=initializer)
        >>> generator.compute_output_shape((None, 8))
        (None, 16)
    """

    def __init__(
        self,
        inputs: int,
        units: int,
        mode: str = "fan_in",
        variance: float = 1.0,
        gain: float = 1.0,
        use_bias: bool = True,
        seed: int | None = None,
    ) -> None:
        self.inputs = positive_int("inputs", inputs)
        self.units = positive_int("units", units)
        self.mode = one_of("mode", mode, MODES)
        self.variance = positive_float("variance", variance)
        self.gain = positive_float("gain", gain)
        self.use_bias = boolean("use_bias", use_bias)
        self.seed = fresh_seed(optional_seed("seed", seed))

    def __call__(self, shape, dtype=None):
        """Draw a kernel of the shape `(d_k, parameters)`."""
        needed = HyperDense.parameter_count(self.inputs, self.units, self.use_bias)
        if len(shape) != 2 or shape[1] != needed:
            raise ValueError(f"`shape` must be (d_k, {needed}). Received: shape={tuple(shape)}")
        kernel, bias = self.variances(shape[0])
        size = self.inputs * self.units
        bounds = np.sqrt(3 * np.repeat([kernel, bias], [size, needed - size])).astype("float32")
        return ops.convert_to_tensor(bounds * (2 * uniform(tuple(shape), self.seed) - 1), dtype=dtype)

    def variances(self, d_k: int) -> tuple[float, float]:
        """Variances of the columns that generate the kernel and of those that generate the bias.

        Args:
            d_k: Positive int, inputs of the generating layer.

        Returns:
            Two floats. Without a bias no column has the second variance.
        """
        scale = self.gain / (d_k * self.variance)
        halves = 2 if self.use_bias else 1
        fan_in = scale / (halves * self.inputs), scale / 2
        fan_out = scale / self.units, scale * max(0.0, 1 - self.inputs / self.units)
        if self.mode == "harmonic":
            kernel, bias = (_harmonic_mean(*pair) for pair in zip(fan_in, fan_out, strict=True))
            return kernel, bias
        return fan_in if self.mode == "fan_in" else fan_out

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "inputs": self.inputs,
            "units": self.units,
            "mode": self.mode,
            "variance": self.variance,
            "gain": self.gain,
            "use_bias": self.use_bias,
            "seed": self.seed,
        }


def _harmonic_mean(a: float, b: float) -> float:
    return 2 / (1 / a + 1 / b) if a and b else 0.0
