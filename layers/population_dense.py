"""PopulationDense: the same Dense layer of many networks at once."""

from typing import Any

import keras
from keras import ops

from zoo.layers.arguments import boolean, positive_int


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class PopulationDense(keras.layers.Layer):
    """A Dense layer of each of `networks` networks, as one batched product.

    The networks share nothing but their inputs. Weights have the network as their first axis, so that initializers
    which count `fan_in` by the shape do not fit; give one with a fixed deviation.

    Args:
        units: Positive int, per network.
        networks: Positive int.
        activation: As in Keras.
        use_bias: Bool.
        kernel_initializer: Of a kernel `(networks, inputs, units)`.
        bias_initializer: Of a bias `(networks, units)`.

    Input shape: `(batch, inputs)`, given to every network, or `(batch, networks, inputs)`. Output shape:
    `(batch, networks, units)`.

    Raises:
        ValueError: If an argument is out of range, or the input is of neither shape.

    Reference: On the Expressive Power of Deep Neural Networks, section 2, whose figures are means over networks.
    """

    def __init__(
        self,
        units: int,
        networks: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "random_normal",
        bias_initializer: Any = "zeros",
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        self.networks = positive_int("networks", networks)
        self.activation = keras.activations.get(activation)
        self.use_bias = boolean("use_bias", use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape) -> None:
        """Create `kernel` and `bias`."""
        self.compute_output_shape(input_shape)
        shape = (self.networks, input_shape[-1], self.units)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")
        self.bias = None
        if self.use_bias:
            bias = (self.networks, self.units)
            self.bias = self.add_weight(shape=bias, initializer=self.bias_initializer, name="bias")
        self.built = True

    def call(self, inputs):
        """Every network's outputs."""
        equation = "ri,niu->rnu" if len(inputs.shape) == 2 else "rni,niu->rnu"
        outputs = ops.einsum(equation, inputs, self.kernel)
        return self.activation(outputs if self.bias is None else outputs + self.bias)

    def compute_output_shape(self, input_shape):
        """`(batch, networks, units)`."""
        known = all(size is None or isinstance(size, int) for size in input_shape) and input_shape[-1] is not None
        if not known or len(input_shape) not in (2, 3) or (len(input_shape) == 3 and input_shape[1] != self.networks):
            wanted = f"(batch, inputs) or (batch, {self.networks}, inputs)"
            raise ValueError(f"PopulationDense takes {wanted}. Received: input_shape={input_shape}")
        return (input_shape[0], self.networks, self.units)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "networks": self.networks,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
