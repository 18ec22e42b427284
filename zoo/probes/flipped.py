"""Outputs of a model at bit strings with some bits flipped, from what its first layer makes of each bit.

A flip of bit i changes the first pre-activations by -2 x_i times a row of the kernel: a candidate costs only the layers
after the first one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from layers import PopulationDense
from zoo.bare import bare, check_one_input, describe
from zoo.probes.layer_outputs import called_once, deterministic
from zoo.probes.remainder import after, linear_part

_MOST = 2**27  # numbers in the rows of a first layer, 512 MB


class Network(NamedTuple):
    """One network, searched at many strings: searches are strings.

    `zero` are the pre-activations `(*units)` of the string 0, `rows` `(bits, *units)` what each bit adds to them;
    `outputs_of` maps pre-activations `(any, *units)` to outputs `(any,)`.
    """

    zero: np.ndarray
    rows: Any
    outputs_of: Callable

    def start(self, x: np.ndarray) -> Any:
        """Pre-activations of strings `(searches, bits)`, `(searches, *units)`."""
        return ops.tensordot(ops.convert_to_tensor(x), self.rows, axes=1) + self.zero

    def added(self, bits: np.ndarray) -> Any:
        """What bits `(searches or 1, any)` add, `(searches or 1, any, *units)`."""
        return ops.take(self.rows, bits, axis=0)

    def outputs(self, h: Any) -> np.ndarray:
        """Outputs `(searches, any)` of pre-activations `(searches, any, *units)`."""
        flat = ops.reshape(h, (-1, *self.zero.shape))
        return ops.convert_to_numpy(self.outputs_of(flat)).reshape(h.shape[:2])

    def worth_keeping(self, left: int) -> bool:
        """Whether to go on with the searches that are left only."""
        return True

    def keep(self, searches: np.ndarray) -> "Network":
        """The same with fewer searches, given by their positions."""
        return self


class Population(NamedTuple):
    """Many networks, each searched at one string: searches are networks.

    As in `Network`, with a network axis first in `zero` and `rows` and second in what `after` takes.
    """

    zero: np.ndarray
    rows: Any
    activation: Callable
    after: keras.Model | None

    def start(self, x: np.ndarray) -> Any:
        """As of `Network`."""
        return ops.einsum("mb,mbu->mu", ops.convert_to_tensor(x), self.rows) + self.zero

    def added(self, bits: np.ndarray) -> Any:
        """As of `Network`."""
        if len(bits) == 1:
            return ops.take(self.rows, bits[0], axis=1)
        return ops.take_along_axis(self.rows, ops.expand_dims(ops.convert_to_tensor(bits), -1), axis=1)

    def outputs(self, h: Any) -> np.ndarray:
        """As of `Network`."""
        z = self.activation(ops.swapaxes(h, 0, 1))
        y = z if self.after is None else self.after(z, training=False)
        return ops.convert_to_numpy(y)[..., 0].T

    def worth_keeping(self, left: int) -> bool:
        """When half of the networks have ended: fewer of them take another model."""
        return 2 * left <= len(self.zero)

    def keep(self, searches: np.ndarray) -> "Population":
        """As of `Network`."""
        rest = None if self.after is None else _fewer_networks(self.after, searches)
        return Population(self.zero[searches], ops.take(self.rows, searches, axis=0), self.activation, rest)


def change(machine: Network | Population, x: np.ndarray, bits: np.ndarray) -> Any:
    """What flips of `bits` `(searches or 1, any)`, each alone, add to pre-activations, `(searches, any, *units)`."""
    added = machine.added(bits)
    factors = -2 * np.take_along_axis(x, np.broadcast_to(bits, (len(x), bits.shape[1])), axis=1)
    return ops.reshape(ops.convert_to_tensor(factors), (*factors.shape, *(1,) * (len(added.shape) - 2))) * added


def flipped(model: keras.Model, networks: bool = False) -> Network | Population:
    """What it takes to flip bits of a model's strings.

    Where everything passes through one layer with a kernel whose pre-activations are affine in the input, only what
    comes after it is evaluated; elsewhere the whole model is.

    Raises:
        ValueError: If the model flips coins, has several inputs, not one output unit without a sigmoid, or is no
            population of `PopulationDense` layers where `networks` says so.
    """
    check_one_input(model)
    graph = deterministic(bare(model))
    if len(graph.outputs) != 1 or graph.output_shape[-1] != 1 or len(graph.output_shape) != 2 + networks:
        raise ValueError(f"`model` must have one output unit, a sign. Received: outputs of shape {graph.output_shape}")
    if getattr(graph.outputs[0]._keras_history.operation, "activation", None) is keras.activations.sigmoid:
        raise ValueError(
            f"`model` must give a logit, its class by the sign. Received: {describe(model)} with a sigmoid"
        )
    if None in graph.input_shape[1:]:
        raise ValueError(f"`model` must have inputs of a known shape. Received: {graph.input_shape}")
    first = next((layer for layer in graph.layers if hasattr(layer, "kernel")), None)
    if networks:
        if not isinstance(first, PopulationDense) or len(graph.input_shape) != 2:
            raise ValueError(f"`model` must be a population with PopulationDense first. Received: {describe(model)}")
        rest = after(graph, called_once(graph, first.name))
        zero = np.zeros((first.networks, first.units), "float32") if first.bias is None else _numbers(first.bias)
        return Population(zero, ops.cast(first.kernel, "float32"), first.activation, rest)
    found = None if first is None else _through(graph, first)
    return _whole(graph) if found is None else found


def _through(graph: keras.Model, first: keras.layers.Layer) -> Network | None:
    """By the first layer; None if not everything passes through it or it is not affine in the input."""
    shape = graph.input_shape[1:]
    count = int(np.prod(shape))
    try:
        node = called_once(graph, first.name)
        rest = after(graph, node)
        linear = linear_part(node, use_bias=True)
    except ValueError:
        return None
    if count * int(np.prod(node.outputs[0].shape[1:])) > _MOST:
        return None
    below = keras.Model(graph.inputs, linear(node.input_tensors[0]))

    def pre_activations(x: np.ndarray) -> np.ndarray:
        return below.predict(x.reshape(-1, *shape), batch_size=256, verbose=0).astype("float32")

    probe = np.random.default_rng(0).choice([-1.0, 1.0], (2, count)).astype("float32")
    zero = pre_activations(np.zeros((1, count), "float32"))[0]
    rows = pre_activations(np.eye(count, dtype="float32")) - zero
    given = pre_activations(probe)
    if not np.allclose(np.tensordot(probe, rows, axes=1) + zero, given, rtol=0, atol=1e-3 * np.abs(given).max()):
        return None

    def outputs_of(h: Any) -> Any:
        z = first.activation(h)
        return z if rest is None else rest(z, training=False)

    return Network(zero, ops.convert_to_tensor(rows), outputs_of)


def _whole(graph: keras.Model) -> Network:
    """The strings themselves in place of pre-activations."""
    shape = graph.input_shape[1:]
    count = int(np.prod(shape))
    zero, rows = np.zeros(count, "float32"), ops.eye(count)
    return Network(zero, rows, lambda h: graph(ops.reshape(h, (-1, *shape)), training=False))


def _fewer_networks(model: keras.Model, networks: np.ndarray) -> keras.Model:
    """A population model of some of the networks."""
    count = len(networks)

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        return type(layer).from_config({**config, "networks": count} if "networks" in config else config)

    inputs = keras.Input((count, *model.input_shape[2:]))
    fewer = keras.models.clone_model(model, input_tensors=inputs, clone_function=clone)
    for mine, theirs in zip(fewer.layers, model.layers, strict=True):
        mine.set_weights([w[networks] for w in theirs.get_weights()])
    return fewer


def _numbers(x: Any) -> np.ndarray:
    return ops.convert_to_numpy(x).astype("float32")
