"""Amplify: repeat each example so that a random network can flip several coins on it."""

import keras

from zoo.layers.arguments import positive_int
from zoo.layers.equal_rows import repeated


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class Amplify(keras.layers.Layer):
    """Repeat each example so that a random network can flip `samples` coins on it.

    Put it right before the first random layer: the layers before it then run once per example. A network whose
    random part has several inputs (a residual branch and its shortcut) calls one `Amplify` on each of them. The
    mask of the input is repeated likewise, and integers stay integers.

    Args:
        samples: Positive int, flips per example.

    Input shape: `(batch, ...)`.
    Output shape: `(batch * samples, ...)`. Rows `i * samples` to `(i + 1) * samples - 1` belong to example `i`.

    Raises:
        ValueError: If `samples` is not a positive int.

    Reference: Coin-Flipping Neural Networks, section 2.1.

    Example:
        >>> x = np.array([[1.0], [2.0]])
        >>> keras.ops.convert_to_numpy(layers.Amplify(3)(x)).tolist()
        [[1.0], [1.0], [1.0], [2.0], [2.0], [2.0]]
    """

    role = "amplify"  # see flip_rows

    def __init__(self, samples: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.samples = positive_int("samples", samples)
        self.supports_masking = True

    def build(self, input_shape) -> None:
        """Mark the layer as built; it has no weights."""
        self.built = True

    def call(self, inputs):
        """Repeat every row `samples` times, in place."""
        return inputs if self.samples == 1 else repeated(inputs, self.samples)

    def compute_mask(self, inputs, previous_mask):
        """Repeat the mask as the rows; in a model's graph by a layer, which knows that it is repeated."""
        if previous_mask is None:
            return None
        if not isinstance(previous_mask, keras.KerasTensor):
            return self.call(previous_mask)
        if "_of_masks" not in self.__dict__:  # not tracked: it is a layer of the graph, not of this one
            self.__dict__["_of_masks"] = Amplify(self.samples, name=f"{self.name}_mask")
        return self.__dict__["_of_masks"](previous_mask)

    def compute_output_spec(self, inputs):
        """Return the repeated shape and the layer's dtype, or that of integers."""
        dtype = self.compute_dtype if keras.backend.is_float_dtype(inputs.dtype) else inputs.dtype
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype)

    def compute_output_shape(self, input_shape):
        """Return `(batch * samples, ...)`; an unknown batch stays unknown."""
        batch = input_shape[0]
        return (None if batch is None else batch * self.samples, *input_shape[1:])

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "samples": self.samples}
