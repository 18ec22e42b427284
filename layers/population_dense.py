"""PopulationDense: the same Dense layer of many networks at once."""

from typing import Any

import keras
from keras import ops

from zoo.layers.arguments import boolean, positive_int


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class PopulationDense(keras.layers.Layer):
    """A Dense layer in each of `networks` networks, computed as one batched product.

    The networks share nothing but their inputs. The first axis of the weights is the network. Initializers that
    compute a fan-in from the shape therefore do not fit; use one with a fixed deviation.

    Args:
        units: Positive int, per network.
        networks: Positive int, number of networks.
        activation: Name or function of an activation, as in Keras; None is the identity.
        use_bias: Bool, whether to add a bias.
        kernel_initializer: Keras initializer of the kernel `(networks, inputs, units)`.
        bias_initializer: Keras initializer of the bias `(networks, units)`.

    Input shape: `(batch, inputs)`, the same for every network, or `(batch, networks, inputs)`.
    Output shape: `(batch, networks, units)`.

    Raises:
        ValueError: If an argument is out of range, or the input has neither shape.

    Reference: On the Expressive Power of Deep Neural Networks, section 2, whose figures show means over networks.

    Example:
        >>> layer = layers.PopulationDense(4, networks=10)
        >>> tuple(layer(np.ones((2, 3))).shape), layer.count_params()
        ((2, 10, 4), 160)
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
        """Compute the outputs of every network."""
        equation = "ri,niu->rnu" if len(inputs.shape) == 2 else "rni,niu->rnu"
        outputs = ops.einsum(equation, inputs, self.kernel)
        return self.activation(outputs if self.bias is None else outputs + self.bias)

    def compute_output_shape(self, input_shape):
        """Return `(batch, networks, units)`."""
        known = all(size is None or isinstance(size, int) for size in input_shape) and input_shape[-1] is not None
        if not known or len(input_shape) not in (2, 3) or (len(input_shape) == 3 and input_shape[1] != self.networks):
            wanted = f"(batch, inputs) or (batch, {self.networks}, inputs)"
            raise ValueError(f"PopulationDense takes {wanted}. Received: input_shape={input_shape}")
        return (input_shape[0], self.networks, self.units)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "networks": self.networks,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
