"""Ordinary layers whose kernel is trained under a mask that stays: what is pruned keeps being 0."""

import keras
from keras import ops


class _FixedMask:
    """A layer with `mask`, zeros and ones in the kernel's shape, which kernel and gradient are multiplied by."""

    mask = None  # until the layer is built, and then a weight that is not trained

    def build(self, input_shape) -> None:
        """Create kernel and mask."""
        super().build(input_shape)  # pyright: ignore[reportAttributeAccessIssue]
        shape, options = super().kernel.shape, {"dtype": "int8", "trainable": False}  # pyright: ignore
        self.mask = self.add_weight(shape=shape, initializer="ones", name="mask", **options)  # pyright: ignore

    def save_own_variables(self, store) -> None:
        """Save kernel and mask."""
        keras.layers.Layer.save_own_variables(self, store)  # type: ignore[arg-type] -- Dense's own saves no mask

    def load_own_variables(self, store) -> None:
        """Restore kernel and mask."""
        keras.layers.Layer.load_own_variables(self, store)  # type: ignore[arg-type]

    @property
    def kernel(self):
        """The kernel times the mask; of a layer that is being built the variable."""
        kernel = super().kernel  # pyright: ignore[reportAttributeAccessIssue]
        return kernel if self.mask is None else kernel * ops.cast(self.mask, kernel.dtype)


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class FixedMaskConv(_FixedMask, keras.layers.Conv2D):
    """`keras.layers.Conv2D` with a kernel that is trained under a fixed mask."""


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class FixedMaskDense(_FixedMask, keras.layers.Dense):
    """`keras.layers.Dense` with a kernel that is trained under a fixed mask."""
