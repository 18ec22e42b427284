"""HyperDense: a Dense layer whose kernel and bias are inputs."""

import keras
from keras import ops

from zoo.layers.arguments import boolean, positive_int


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class HyperDense(keras.layers.Layer):
    """A Dense layer whose weights are another network's output: `HyperDense(units)([x, theta])`.

    A row of `theta` is one set of weights: the kernel `(inputs, units)`, flattened row by row, then the bias. Without
    `shared` every example has weights of its own. With `shared` every example meets every row of `theta`, in one
    matrix product.

    Args:
        units: Positive int.
        use_bias: Bool, whether `theta` ends with a bias.
        activation: Name or function of an activation, as in Keras; None is the identity.
        shared: Bool, whether the rows of `theta` are draws shared by the batch.
        expected: Bool; True replaces the shared draws by their mean, a single set of weights.

    Input shape: `(batch, inputs)` and `(batch, parameters)`, or `(draws, parameters)` if `shared`.
    Output shape: `(batch, units)`; `(batch * draws, units)` if `shared` and not `expected`, where the rows of one
    example are contiguous, as in `Amplify`.

    Raises:
        ValueError: If an argument is out of range, `theta` has another length than `parameter_count(inputs, units)`,
            or the batches of `x` and `theta` differ where they must not.

    Reference: Coin-Flipping Neural Networks, section 4 and appendix E; On the Modularity of Hypernetworks, section 3.

    Example:
        >>> x, theta = np.ones((2, 3)), np.ones((2, layers.HyperDense.parameter_count(3, 1)))
        >>> keras.ops.convert_to_numpy(layers.HyperDense(1)([x, theta])).tolist()
        [[4.0], [4.0]]
    """

    def __init__(
        self,
        units: int,
        use_bias: bool = True,
        activation=None,
        shared: bool = False,
        expected: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        self.use_bias = boolean("use_bias", use_bias)
        self.activation = keras.activations.get(activation)
        self.shared = boolean("shared", shared)
        self.expected = boolean("expected", expected)
        if self.expected and not self.shared:
            raise ValueError("`expected` must be False unless `shared`. Received: expected=True, shared=False")

    @property
    def role(self) -> str | None:
        """What the layer does to rows; see flip_rows."""
        return "shared" if self.shared else None

    @staticmethod
    def parameter_count(inputs: int, units: int, use_bias: bool = True) -> int:
        """Length of a row of `theta`.

        Args:
            inputs: Positive int, inputs of the generated layer.
            units: Positive int, its units.
            use_bias: Bool, whether `theta` ends with a bias.

        Returns:
            An int, `inputs * units`, plus `units` with a bias.

        Raises:
            ValueError: If an argument is out of range.
        """
        kernel = positive_int("inputs", inputs) * positive_int("units", units)
        return kernel + (units if boolean("use_bias", use_bias) else 0)

    def build(self, input_shape) -> None:
        """Check the shapes of the inputs; the layer has no weights."""
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        """Multiply by the given kernels and add the given biases."""
        x, theta = inputs
        self.compute_output_shape((tuple(x.shape), tuple(theta.shape)))
        if self.expected:
            theta = ops.mean(theta, axis=0, keepdims=True)
        if self.use_bias:  # a bias is the kernel's row for an input of 1: no part of `theta` is copied
            x = ops.concatenate([x, ops.ones_like(x[:, :1])], axis=-1)
        rows = -1 if self.shared else ops.shape(x)[0]  # -1 would let one row of theta broadcast if batches are unknown
        kernel = ops.reshape(theta, (rows, x.shape[-1], self.units))
        return self.activation(self._shared(x, kernel) if self.shared else self._per_example(x, kernel))

    def _per_example(self, x, kernel):
        return ops.squeeze(ops.matmul(ops.expand_dims(x, 1), kernel), 1)

    def _shared(self, x, kernel):
        columns = ops.reshape(ops.transpose(kernel, (1, 0, 2)), (x.shape[-1], -1))
        # a row has all units of the first draw, then of the second, ...
        return ops.reshape(ops.matmul(x, columns), (-1, self.units))

    def compute_output_shape(self, input_shape):
        """Return `(rows, units)`, with one row per example, or per example and shared draw."""
        x, theta = _two_shapes(input_shape)
        needed = self.parameter_count(x[1], self.units, self.use_bias)
        if theta[1] != needed:
            bias = f" + {self.units}" if self.use_bias else ""
            raise ValueError(
                f"`theta` must have {needed} parameters a row ({x[1]} inputs * {self.units} units{bias}). "
                f"Received: theta of shape {theta}"
            )
        if self.shared:
            rows = None if None in (x[0], theta[0]) else x[0] * theta[0]
            return (x[0] if self.expected else rows, self.units)
        if None not in (x[0], theta[0]) and x[0] != theta[0]:
            raise ValueError(
                f"`theta` must have one row per example unless `shared`. Received: x of shape {x} and theta of {theta}"
            )
        return (theta[0] if x[0] is None else x[0], self.units)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "activation": keras.activations.serialize(self.activation),
            "shared": self.shared,
            "expected": self.expected,
        }


def _two_shapes(input_shape) -> list[tuple]:
    shapes = [tuple(shape) for shape in input_shape if isinstance(shape, tuple | list)]
    if len(shapes) != 2 or len(shapes) != len(input_shape) or any(len(s) != 2 or s[1] is None for s in shapes):
        raise ValueError(
            f"HyperDense takes [x, theta] of shapes (batch, inputs) and (rows, parameters). Received: {input_shape}"
        )
    return shapes
