"""Layers whose weights stay random and whose mask is trained: ScoreMaskedDense and ScoreMaskedConv."""

import keras
import numpy as np
from keras import ops

from zoo.layers import initializers
from zoo.layers.arguments import one_of, positive_int, proper_fraction
from zoo.layers.masks import SCORE_TRANSFORMS, topk_mask
from zoo.layers.seeds import fresh_seed, optional_seed


class ScoreMasked(keras.layers.Layer):
    """A frozen random kernel, trainable scores of its shape, and the mask between them: base of both layers.

    It is not used by itself; see `ScoreMaskedDense` and `ScoreMaskedConv`.
    """

    def __init__(
        self,
        *,
        activation=None,
        sparsity: float = 0.5,
        score_transform: str = "none",
        kernel_initializer="kaiming_uniform",
        score_initializer="kaiming_uniform",
        score_regularizer=None,
        seed: int | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.sparsity = proper_fraction("sparsity", sparsity)
        self.score_transform = one_of("score_transform", score_transform, SCORE_TRANSFORMS)
        self.seed = optional_seed("seed", seed)
        kernel_seed, score_seed = np.random.SeedSequence(fresh_seed(self.seed)).generate_state(2)
        self.kernel_initializer = initializers.get("kernel_initializer", kernel_initializer, int(kernel_seed))
        self.score_initializer = initializers.get("score_initializer", score_initializer, int(score_seed))
        self.score_regularizer = keras.regularizers.get(score_regularizer)

    def _add_kernel(self, shape: tuple[int, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=self.kernel_initializer, trainable=False, autocast=False
        )
        self.scores = self.add_weight(
            name="scores",
            shape=shape,
            initializer=self.score_initializer,
            regularizer=self.score_regularizer,
            autocast=False,  # most scores would be tied if rounded to 16 bits
        )

    def mask(self):
        """Compute the mask of the present scores.

        Returns:
            A tensor of the kernel's shape: 1 where a weight is kept, 0 where it is pruned.

        Raises:
            ValueError: If a score is NaN.
        """
        return topk_mask(self.scores, self.sparsity, self.score_transform)

    def masked_kernel(self):
        """Compute the kernel that multiplies the inputs.

        Returns:
            A tensor of the kernel's shape in the compute dtype, 0 where a weight is pruned.

        Raises:
            ValueError: If a score is NaN, or the kernel was made trainable.
        """
        if self.kernel.trainable:
            raise ValueError(
                f"The kernel of {self.name!r} is frozen: only its scores are trained. Received: kernel.trainable=True"
            )
        return ops.cast(ops.convert_to_tensor(self.kernel) * self.mask(), self.compute_dtype)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "sparsity": self.sparsity,
            "score_transform": self.score_transform,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "score_initializer": keras.initializers.serialize(self.score_initializer),
            "score_regularizer": keras.regularizers.serialize(self.score_regularizer),
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class ScoreMaskedDense(ScoreMasked):
    """A Dense layer without bias whose kernel is frozen at random; training decides which of its weights are kept.

    `layer.kernel` `(inputs, units)` never changes, `layer.scores` of the same shape are trained, and the output is
    `activation(x @ (kernel * mask))`. The mask marks the largest of the present scores and is computed in every call.

    Args:
        units: Positive int.
        activation: Name or function of an activation, as in Keras; None is the identity.
        sparsity: Float in [0, 1), the fraction of weights removed.
        score_transform: "none" ranks scores as they are (IteRand), "abs" by magnitude (edge-popup's released code).
        kernel_initializer: "kaiming_uniform" (KU), "signed_kaiming_constant" (SC), or any Keras initializer.
        score_initializer: See `kernel_initializer`.
        score_regularizer: A Keras regularizer; the papers' weight decay is `keras.regularizers.L2(decay / 2)`.
        seed: None (drawn; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32), for kernel and scores.

    Input shape: `(..., inputs)`.
    Output shape: `(..., units)`.

    Raises:
        ValueError: If an argument is out of range, or at a call if a score is NaN or the kernel was made trainable.

    Reference: What's Hidden in a Randomly Weighted Neural Network?, section 3; IteRand, Algorithms 1 and 2.

    Example:
        >>> layer = layers.ScoreMaskedDense(8, sparsity=0.75, seed=0)
        >>> tuple(layer(np.ones((2, 16))).shape), int(keras.ops.sum(layer.mask()))  # of 128 weights
        ((2, 8), 32)
    """

    def __init__(self, units: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.units = positive_int("units", units)

    def build(self, input_shape) -> None:
        """Draw kernel and scores."""
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self._add_kernel((input_shape[-1], self.units))

    def call(self, inputs):
        """Multiply by the masked kernel."""
        return self.activation(ops.matmul(inputs, self.masked_kernel()))

    def compute_output_shape(self, input_shape):
        """Return `(..., units)`."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class ScoreMaskedConv(ScoreMasked):
    """A two-dimensional convolution without bias whose kernel is frozen at random; training decides what is kept.

    `layer.kernel` `(height, width, channels, filters)` never changes and `layer.scores` of the same shape are trained.
    See `ScoreMaskedDense`.

    Args:
        filters: Positive int.
        kernel_size: Positive int or pair of them.
        strides: Positive int or pair of them.
        padding: "valid" or "same".
        activation: Name or function of an activation, as in Keras; None is the identity.
        sparsity: Float in [0, 1), the fraction of weights removed.
        score_transform: "none" ranks scores as they are (IteRand), "abs" by magnitude (edge-popup's released code).
        kernel_initializer: "kaiming_uniform" (KU), "signed_kaiming_constant" (SC), or any Keras initializer.
        score_initializer: See `kernel_initializer`.
        score_regularizer: A Keras regularizer; the papers' weight decay is `keras.regularizers.L2(decay / 2)`.
        seed: None (drawn; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32), for kernel and scores.

    Input shape: `(batch, height, width, channels)`.
    Output shape: `(batch, new_height, new_width, filters)`.

    Raises:
        ValueError: If an argument is out of range, or at a call if a score is NaN or the kernel was made trainable.

    Reference: What's Hidden in a Randomly Weighted Neural Network?, section 3; IteRand, Algorithms 1 and 2.

    Example:
        >>> layer = layers.ScoreMaskedConv(8, 3, padding="same", sparsity=0.75, seed=0)
        >>> tuple(layer(np.ones((2, 5, 5, 4))).shape), int(keras.ops.sum(layer.mask()))  # of 288 weights
        ((2, 5, 5, 8), 72)
    """

    def __init__(self, filters: int, kernel_size, strides=1, padding: str = "valid", **kwargs) -> None:
        super().__init__(**kwargs)
        self.filters = positive_int("filters", filters)
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.strides = _pair("strides", strides)
        self.padding = one_of("padding", padding, ("valid", "same"))

    def build(self, input_shape) -> None:
        """Draw kernel and scores."""
        if len(input_shape) == 4:  # Keras refuses others by what follows
            self.compute_output_shape(input_shape)
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: input_shape[-1]})
        self._add_kernel((*self.kernel_size, input_shape[-1], self.filters))

    def call(self, inputs):
        """Convolve with the masked kernel."""
        kernel = self.masked_kernel()
        return self.activation(ops.conv(inputs, kernel, self.strides, self.padding, data_format="channels_last"))

    def compute_output_shape(self, input_shape):
        """Return `(batch, new_height, new_width, filters)`; unknown sizes stay unknown."""
        if self.padding == "valid" and any(
            n is not None and n < size for n, size in zip(input_shape[1:3], self.kernel_size, strict=True)
        ):
            raise ValueError(
                '`kernel_size` must not be larger than the input where padding="valid". '
                f"Received: kernel_size={self.kernel_size}, inputs of shape {tuple(input_shape)}"
            )
        sizes = zip(input_shape[1:3], self.kernel_size, self.strides, strict=True)
        return (input_shape[0], *(_length(n, size, stride, self.padding) for n, size, stride in sizes), self.filters)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        return {**super().get_config(), **own, "padding": self.padding}


def require_masked_layers(model: keras.Model) -> list[ScoreMasked]:
    """Return `masked_layers(model)`, at least one layer.

    Raises:
        ValueError: If there is none, or `model` is no model.
    """
    found = masked_layers(model) if isinstance(model, keras.Model) else []
    if not found:
        received = repr(model.name if isinstance(model, keras.Model) else model)
        raise ValueError(f"`model` must have ScoreMaskedConv or ScoreMaskedDense layers. Received: model={received}")
    return found


def masked_layers(model: keras.layers.Layer) -> list[ScoreMasked]:
    """List the score-masked layers of a model, nested ones included, each once and in the model's order."""
    found: dict[int, ScoreMasked] = {}
    for layer in model._flatten_layers(include_self=False, recursive=False):
        inner = [layer] if isinstance(layer, ScoreMasked) else masked_layers(layer)
        found.update({id(one): one for one in inner})
    return list(found.values())


def _pair(name: str, value) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"`{name}` must be a positive int or a pair of them. Received: {name}={value!r}")
    return positive_int(name, pair[0]), positive_int(name, pair[1])


def _length(length: int | None, size: int, stride: int, padding: str) -> int | None:
    if length is None:
        return None
    return -(-length // stride) if padding == "same" else (length - size) // stride + 1
