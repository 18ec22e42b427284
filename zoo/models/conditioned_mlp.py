"""Two networks of (x, condition): one embeds the condition, one makes the weights for x from it."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras

from zoo.layers import FanInUniform, HyperDense, Hyperfan, KaimingUniform
from zoo.layers.arguments import boolean, one_of, positive_int
from zoo.layers.hyperfan import MODES
from zoo.layers.seeds import layer_seeds
from zoo.registry import register

_PAPER = "On the Modularity of Hypernetworks"
_SECTION = "section 5, appendix 7.1 to 7.4"
_INITS = ("plain", *MODES)


@register(paper=_PAPER, section=_SECTION)
def mlp_embedding(
    x_size=1000,
    condition_size=1000,
    outputs=1,
    depth=3,
    width=100,
    embedding_dim=10_000,
    hidden=(10,),
    activation="relu",
    primary_activation="relu",
    output_activation=None,
    seed=None,
) -> keras.Model:
    """Network q(x, e(I)) of x and an embedding of the condition I: q has weights of its own.

    The kernels and biases begin uniform on +-1/sqrt(fan_in). Biases aside, q has
    N_q = (x_size + embedding_dim) hidden[0] + ... + hidden[-1] outputs weights, 110,010 by default.

    Args:
        x_size: Positive int, numbers of x.
        condition_size: Positive int, numbers of the condition.
        outputs: Positive int.
        depth: Positive int, the linear layers of the embedding network e.
        width: Positive int, the units of e's hidden layers; or a sequence of depth - 1 ints, one per layer.
        embedding_dim: Positive int, the numbers that e gives.
        hidden: Tuple of positive ints, the sizes of q's hidden layers.
        activation: Keras activation of e's hidden layers.
        primary_activation: Keras activation of q's hidden layers.
        output_activation: Keras activation of the outputs, or None.
        seed: None or int in [0, 2**32), of the initial weights.

    Returns:
        A model from `[x, condition]`, `(batch, x_size)` and `(batch, condition_size)`, to `(batch, outputs)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: On the Modularity of Hypernetworks, section 5.

    Example:
        >>> model = zoo.build("mlp_embedding", x_size=6, condition_size=5, width=4, embedding_dim=7)
        >>> model.get_layer("x_and_embedding").output.shape, model.output_shape
        ((None, 13), (None, 1))
    """
    seeds = layer_seeds(seed)
    x, condition = _inputs(x_size, condition_size)
    widths = _widths(depth, width)
    activations = _activations(activation, primary_activation, output_activation)
    embedding = _perceptron("embedding", condition, widths, activations[0], seeds=seeds)
    embedding = _plain(positive_int("embedding_dim", embedding_dim), embedding, seeds, name="embedding")(embedding)
    y = keras.layers.Concatenate(name="x_and_embedding")([x, embedding])
    y = _perceptron("primary", y, _sizes("hidden", hidden), activations[1], seeds=seeds)
    y = _plain(positive_int("outputs", outputs), y, seeds, name="primary")(y)
    return _model(x, condition, y, activations[2])


@register(paper=_PAPER, section=_SECTION)
def mlp_hypernetwork(
    x_size=1000,
    condition_size=1000,
    outputs=1,
    depth=3,
    width=100,
    hidden=(10,),
    activation="relu",
    primary_activation="relu",
    primary_bias=True,
    output_activation=None,
    init="plain",
    seed=None,
) -> keras.Model:
    """Network g(x; f(I)) of x alone, whose weights the hypernetwork f makes from the condition I.

    The last layer of f is one head per layer of g, named `theta_1`, ...; a head gives a kernel `(inputs, units)` row by
    row, then the biases if `primary_bias`. Biases aside, g has
    N_g = x_size hidden[0] + ... + hidden[-1] outputs weights, 10,010 by default.

    Args:
        x_size: Positive int, numbers of x.
        condition_size: Positive int, numbers of the condition.
        outputs: Positive int.
        depth: Positive int, the linear layers of f, heads included.
        width: Positive int, the units of f's hidden layers; or a sequence of depth - 1 ints, one per layer.
        hidden: Tuple of positive ints, the sizes of g's hidden layers.
        activation: Keras activation of f's hidden layers.
        primary_activation: Keras activation of g's hidden layers.
        primary_bias: Bool, whether g has biases.
        output_activation: Keras activation of the outputs, or None.
        init: "plain" begins f's kernels and biases uniform on +-1/sqrt(fan_in), as the paper's experiments do.
            "fan_in", "fan_out" and "harmonic" are the modes of `layers.Hyperfan` in the heads, with He uniform
            below them, for conditions of mean square 1 and ReLU in f.
        seed: None or int in [0, 2**32), of the initial weights.

    Returns:
        A model from `[x, condition]`, `(batch, x_size)` and `(batch, condition_size)`, to `(batch, outputs)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: On the Modularity of Hypernetworks, sections 3 and 5.

    Example:
        >>> model = zoo.build("mlp_hypernetwork", x_size=6, condition_size=5, width=4, hidden=(3,))
        >>> model.get_layer("theta_1").output.shape  # per condition a kernel (6, 3) and a bias (3,)
        (None, 21)
        >>> model.output_shape
        (None, 1)
    """
    seeds = layer_seeds(seed)
    x, condition = _inputs(x_size, condition_size)
    widths = _widths(depth, width)
    activations = _activations(activation, primary_activation, output_activation)
    one_of("init", init, _INITS)
    boolean("primary_bias", primary_bias)
    features = _perceptron("condition", condition, widths, activations[0], init=init, seeds=seeds)
    sizes = (x_size, *_sizes("hidden", hidden), positive_int("outputs", outputs))
    y, last = x, len(sizes) - 1
    for layer, (inputs, units) in enumerate(itertools.pairwise(sizes), 1):
        gain = 2.0 if layer > 1 and activations[1] is keras.activations.relu else 1.0
        options: dict[str, Any] = {"use_bias": primary_bias, "init": init, "gain": gain, "seeds": seeds}
        head = _head(f"theta_{layer}", features, inputs, units, **options)
        between = activations[1] if layer < last else None
        y = HyperDense(units, primary_bias, between, name=f"primary_{layer}")([y, head(features)])
    return _model(x, condition, y, activations[2])


def _inputs(x_size: Any, condition_size: Any) -> list[Any]:
    sizes = {"x": positive_int("x_size", x_size), "condition": positive_int("condition_size", condition_size)}
    return [keras.Input((size,), name=name) for name, size in sizes.items()]


def _model(x, condition, y, activation) -> keras.Model:
    return keras.Model([x, condition], keras.layers.Activation(activation, dtype="float32", name="outputs")(y))


def _perceptron(name: str, x, widths: tuple[int, ...], activation, *, seeds: Iterator[int], init: str = "plain"):
    for layer, units in enumerate(widths, 1):
        options = {"activation": activation, "name": f"{name}_hidden_{layer}"}
        if init == "plain":
            x = _plain(units, x, seeds, **options)(x)
        else:
            x = keras.layers.Dense(units, kernel_initializer=KaimingUniform(next(seeds)), **options)(x)
    return x


def _head(
    name: str, features, inputs: int, units: int, *, use_bias: bool, init: str, gain: float, seeds: Iterator[int]
):
    """Layer that makes the weights of a linear layer `inputs` -> `units` from the features of a condition."""
    count = HyperDense.parameter_count(inputs, units, use_bias)
    if init == "plain":
        return _plain(count, features, seeds, name=name)
    hyperfan = Hyperfan(inputs, units, init, gain=gain, use_bias=use_bias, seed=next(seeds))
    return keras.layers.Dense(count, kernel_initializer=hyperfan, name=name)


def _plain(units: int, x, seeds: Iterator[int], **options: Any) -> keras.layers.Dense:
    return keras.layers.Dense(units, **plain_initializers(x.shape[-1], seeds), **options)


def plain_initializers(fan_in: int, seeds: Iterator[int]) -> dict[str, Any]:
    """Keyword arguments that begin kernel and bias uniform on +-1/sqrt(fan_in), PyTorch's default."""
    return {key: FanInUniform(fan_in, next(seeds)) for key in ("kernel_initializer", "bias_initializer")}


def _widths(depth: Any, width: Any) -> tuple[int, ...]:
    depth = positive_int("depth", depth)
    if not isinstance(width, tuple | list):
        return (positive_int("width", width),) * (depth - 1)
    if len(width) != depth - 1:
        raise ValueError(f"`width` must be an int or {depth - 1} ints, depth - 1. Received: width={width!r}")
    return _sizes("width", width)


def _sizes(name: str, sizes: Any) -> tuple[int, ...]:
    if not isinstance(sizes, tuple | list):
        raise ValueError(f"`{name}` must be a tuple of positive ints. Received: {name}={sizes!r}")
    return tuple(positive_int(name, size) for size in sizes)


def _activations(activation: Any, primary: Any, output: Any) -> list[Any]:
    given = {"activation": activation, "primary_activation": primary, "output_activation": output}
    return [check_activation(name, value) for name, value in given.items()]


def check_activation(name: str, value: Any):
    """Return the activation function, or raise a `ValueError` that names the argument."""
    try:
        return keras.activations.get(value)
    except (ValueError, TypeError):
        raise ValueError(f"`{name}` must be a Keras activation or None. Received: {name}={value!r}") from None
