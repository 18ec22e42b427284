"""StochasticDense: a Dense layer that draws a kernel for every row."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from zoo.layers.arguments import boolean, row_size
from zoo.layers.coins import drawn_in, share
from zoo.layers.equal_rows import once, repeated
from zoo.layers.kernel_moments import KernelMoments
from zoo.layers.normal_draw import NormalDraw, finish, gate_of

LAWS = ("normal", "uniform", "sign")


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class StochasticDense(keras.layers.Layer):
    """A Dense layer with a kernel of its own for every row, `loc + scale * noise`, in training and at inference.

    The output is `activation(t * (x @ kernel + bias))`. The noise has mean 0 and variance 1 and is independent for
    every row, input and unit. For a normal law the layer draws the product, `x @ loc + sqrt(x^2 @ scale^2) * noise`,
    which has the same law and needs no kernel per row in memory. For all other laws, and for `shared`, it draws
    kernels. Right after `Amplify` the rows of an example are equal: the product's moments are then computed once for
    all of them, as by `KernelMoments`, `Amplify` and `NormalDraw`, in this order. Gradients then pass to the examples,
    not to the repeated rows.

    Args:
        units: Positive int.
        loc_initializer: A float or an initializer `(inputs, units)`: the kernel's mean.
        scale_initializer: A float >= 0 or an initializer `(inputs, units)`, whose signs are dropped: the kernel's
            standard deviation. The weight is `raw_scale` and the scale its softplus; a scale that begins at 0 stays 0
            (weight decay aside).
        bias: None or a float, a constant added before the gate.
        gate: None (t = 1), or the probability in [0, 1] that t is 1 and not 0, a coin for every row and unit.
        trainable: Bool, whether loc and scale are trained.
        activation: Name or function of an activation, as in Keras; None is the identity.
        law: "normal"; "uniform"; "sign", which is -1 or 1; or the registered name ("Custom>my_sampler") of a function
            under `keras.saving.register_keras_serializable`, called as `sampler(shape, seed=seed_generator)`: its
            numbers are the noise. Their mean should be 0: `loc` is taken as the kernel's mean where coins are off.
        shared: Bool; True draws one kernel, and one gate per unit, for all rows of a call.
        flip_at_inference: Bool. False replaces kernel and gate by their means at inference.
        seed: None (drawn; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32).

    Input shape: `(rows, inputs)`.
    Output shape: `(rows, units)`.

    Raises:
        ValueError: If an argument is out of range, or the input has another shape.

    Reference: Coin-Flipping Neural Networks, section 2 (random variables as parameters) and section 3.

    Example:
        >>> layer = layers.StochasticDense(4, seed=0)
        >>> outputs = layer(np.ones((2, 3)))  # equal rows meet different kernels
        >>> tuple(outputs.shape), bool(keras.ops.any(outputs[0] == outputs[1]))
        ((2, 4), False)
    """

    def __init__(
        self,
        units: int,
        loc_initializer: Any = "glorot_uniform",
        scale_initializer: Any = 0.05,
        bias: float | None = None,
        gate: float | None = None,
        trainable: bool = True,
        activation: Any = None,
        law: str = "normal",
        shared: bool = False,
        flip_at_inference: bool = True,
        seed: int | None = None,
        **kwargs,
    ) -> None:
        super().__init__(trainable=trainable, **kwargs)
        options = {"dtype": self.dtype_policy}
        self.moments = KernelMoments(units, loc_initializer, scale_initializer, trainable, name="kernel", **options)
        self.normal_draw = NormalDraw(bias, gate, activation, flip_at_inference, seed, name="draw", **options)
        self.law, self.sampler = law, _sampler(law)
        self.shared = boolean("shared", shared)

    def build(self, input_shape) -> None:
        """Create the mean and the scale of the kernel."""
        self.compute_output_shape(input_shape)
        if not self.moments.built:
            self.moments.build(input_shape)
        self.normal_draw.build(self.moments.compute_output_shape(input_shape))
        self.built = True

    @property
    def flip_at_inference(self) -> bool:
        """Bool, True if the layer draws kernels at inference, too."""
        return self.normal_draw.flip_at_inference

    @property
    def seed_generator(self) -> keras.random.SeedGenerator:
        """Generator of the layer's random numbers."""
        return self.normal_draw.seed_generator

    def flips(self, training: bool | None) -> bool:
        """Return whether this call draws kernels."""
        return self.normal_draw.flips(training)

    def with_flip_at_inference(self, flip_at_inference: bool) -> "StochasticDense":
        """Return a copy with the given `flip_at_inference` that shares this layer's weights and random generator."""
        copy = type(self).from_config({**self.get_config(), "flip_at_inference": flip_at_inference})
        share(self, copy, "moments")
        for generator in ("seed_generator", "inference_generator"):
            share(self.normal_draw, copy.normal_draw, generator)
        return copy

    def call(self, inputs, training=None):
        """Draw the product or, for laws other than the normal one, the kernels."""
        self.compute_output_shape(inputs.shape)
        draw = self.normal_draw
        if not self.flips(training) or (self.law == "normal" and not self.shared):
            x, times = once(inputs)
            moments = self.moments(x, training=training)
            return draw(moments if times is None else repeated(moments, times), training=training)
        rows = 1 if self.shared else ops.shape(inputs)[0]
        shape = (rows, inputs.shape[-1], self.moments.units)
        noise = ops.cast(self._noise(shape, draw.generator(training)), self.compute_dtype)
        loc = ops.convert_to_tensor(self.moments.loc, dtype=self.compute_dtype)
        kernels = ops.cast(self.moments.scale, self.compute_dtype) * noise + loc
        outputs = ops.matmul(inputs, kernels[0]) if self.shared else ops.einsum("ri,riu->ru", inputs, kernels)
        gate = gate_of(draw.gate, (rows, self.moments.units), draw.generator(training), self.compute_dtype, True)
        return finish(outputs, draw.bias, gate, draw.activation)

    def _noise(self, shape, seed):
        noise = ops.convert_to_tensor(self.sampler(shape, seed=seed))
        given = tuple(noise.shape)
        if len(given) != 3 or any(n not in (None, size) for n, size in zip(given[1:], shape[1:], strict=True)):
            wanted = f"(rows, {shape[1]}, {shape[2]})"
            raise ValueError(f"The sampler of `law` must give {wanted}. Received: law={self.law!r}, {given}")
        return noise

    def compute_output_shape(self, input_shape):
        """Return `(rows, units)`."""
        row_size("StochasticDense", "(rows, inputs)", input_shape)
        return (input_shape[0], self.moments.units)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        moments, draw = self.moments.get_config(), self.normal_draw.get_config()
        return {
            **super().get_config(),
            **{key: moments[key] for key in ("units", "loc_initializer", "scale_initializer")},
            **{key: draw[key] for key in ("bias", "gate", "activation", "flip_at_inference", "seed")},
            "law": self.law,
            "shared": self.shared,
        }


def _sampler(law: Any) -> Callable:
    if law in LAWS:
        return {"normal": _normal, "uniform": _uniform, "sign": _sign}[law]
    found = keras.saving.get_registered_object(law) if isinstance(law, str) else None
    if not callable(found) or isinstance(found, type):
        raise ValueError(
            f"`law` must be one of {', '.join(map(repr, LAWS))} or the name of a registered function. "
            f"Received: law={law!r}"
        )
    try:
        inspect.signature(found).bind((1, 1, 1), seed=None)
    except TypeError as error:
        raise ValueError(f"`law` must name a function (shape, seed). Received: law={law!r}: {error}") from None
    return found


def _normal(shape, seed):
    return keras.random.normal(shape, seed=seed, dtype=drawn_in(keras.config.floatx()))


def _uniform(shape, seed):
    return keras.random.uniform(shape, -(3**0.5), 3**0.5, seed=seed, dtype=drawn_in(keras.config.floatx()))


def _sign(shape, seed):
    return ops.where(keras.random.uniform(shape, seed=seed, dtype=drawn_in(keras.config.floatx())) < 0.5, -1.0, 1.0)
