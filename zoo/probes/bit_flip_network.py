"""Outputs of a model at bit strings with some bits flipped, from the contribution of each bit to its first layer.

A flip of bit i changes the first pre-activations by -2 x_i times a row of the kernel: a candidate costs only the
layers after the first one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from zoo.graph import called_once, describe, nodes_of, single
from zoo.layers import PopulationDense
from zoo.layers.arguments import boolean
from zoo.probes.model_parts import ends_with_sigmoid, linear_part, part_after

_MOST = 2**27  # most numbers in the rows of a first layer, 512 MB
_ROWS = 256  # rows that are made at once

_NUMPY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "tanh": np.tanh,
    "linear": lambda x: x,
}

Outputs = Callable[[np.ndarray], np.ndarray]


class Second(NamedTuple):
    """Dense layer on ReLU units: `kernel` `(units, any)`, `bias`, and outputs `(rows,)` of its pre-activations."""

    kernel: np.ndarray
    bias: np.ndarray
    outputs: Outputs


class BitFlipNetwork(NamedTuple):
    """Arrays and a function of one network, in NumPy, with which bits of its inputs are flipped.

    `zero` is the first pre-activations `(*units)` of the string 0, and `rows` `(bits, *units)` adds each bit's part.
    `outputs` maps pre-activations `(any, *units)` to outputs `(any,)`. `second` is the second layer if the first two
    are dense and the first has ReLU, else None.
    """

    zero: np.ndarray
    rows: np.ndarray
    outputs: Outputs
    second: Second | None = None

    def start(self, x: np.ndarray) -> np.ndarray:
        """Pre-activations `(strings, *units)` of strings `(strings, bits)`."""
        return np.tensordot(x, self.rows, axes=1) + self.zero

    def changes(self, x: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """Changes `(strings, any, *units)` of pre-activations by flips of `bits` `(strings or 1, any)`, each alone."""
        factors = -2 * np.take_along_axis(x, np.broadcast_to(bits, (len(x), bits.shape[1])), axis=1)
        return factors.reshape(*factors.shape, *[1] * self.zero.ndim) * self.rows[bits]

    def outputs_at(self, h: np.ndarray) -> np.ndarray:
        """Outputs `(strings, any)` of pre-activations `(strings, any, *units)`."""
        return self.outputs(h.reshape(-1, *self.zero.shape)).reshape(h.shape[:2])


def bit_flip_networks(model: keras.Model, networks: bool = False) -> list[BitFlipNetwork]:
    """Return the network of a model, or all networks of a population.

    Where everything passes through one layer with a kernel whose pre-activations are affine in the input, only the
    layers after it are evaluated; elsewhere the whole model is.

    Raises:
        ValueError: If the model flips coins, has several inputs, does not have exactly one output unit, ends with a
            sigmoid, or is no chain of `PopulationDense` layers although `networks` is True.
    """
    boolean("networks", networks)
    graph = single(model)
    if len(graph.outputs) != 1 or graph.output_shape[-1] != 1 or len(graph.output_shape) != 2 + networks:
        raise ValueError(f"`model` must have one output unit, a sign. Received: outputs of shape {graph.output_shape}")
    if ends_with_sigmoid(graph):
        raise ValueError(
            f"`model` must give a logit, its class by the sign. Received: {describe(model)} with a sigmoid"
        )
    if None in graph.input_shape[1:]:
        raise ValueError(f"`model` must have inputs of a known shape. Received: {graph.input_shape}")
    chain = _chain(graph, PopulationDense if networks else keras.layers.Dense)
    if networks:
        if not chain:
            raise ValueError(f"`model` must be a chain of PopulationDense layers. Received: {describe(model)}")
        weights = [(_numbers(layer.kernel), _bias(layer)) for layer in chain]
        each = range(len(weights[0][0]))
        return [_dense(chain, [(kernel[i], bias[i]) for kernel, bias in weights]) for i in each]
    if chain:
        return [_dense(chain, [(_numbers(layer.kernel), _bias(layer)) for layer in chain])]
    first = next((layer for layer in graph.layers if hasattr(layer, "kernel")), None)
    return [(first and _through(graph, first)) or _whole(graph)]


def _chain(graph: keras.Model, kind: type) -> list[Any]:
    """Layers of the model if they are dense ones with known activations one after the other, else none."""
    chain = [layer for layer in graph.layers if not isinstance(layer, keras.layers.InputLayer)]
    if chain and isinstance(chain[0], keras.layers.Flatten) and kind is keras.layers.Dense:
        chain = chain[1:]
    tensor = graph.inputs[0]
    for layer in graph.layers[1:]:
        calls = nodes_of(graph, layer)
        if len(calls) != 1 or len(calls[0].input_tensors) != 1 or calls[0].input_tensors[0] is not tensor:
            return []
        tensor = calls[0].outputs[0]
    plain = all(
        type(layer) is kind
        and getattr(layer.activation, "__name__", None) in _NUMPY
        and layer.compute_dtype == "float32"
        and getattr(layer, "quantization_mode", None) is None
        for layer in chain
    )
    return chain if plain and all(len(layer.input.shape) == 2 for layer in chain[:1]) else []


def _dense(chain: list[Any], weights: list[tuple[np.ndarray, np.ndarray]]) -> BitFlipNetwork:
    """Network of a chain of dense layers."""
    activations = [_NUMPY[layer.activation.__name__] for layer in chain]

    def above(number: int) -> Outputs:
        """Function from the pre-activations of a layer, by its number, to outputs."""

        def outputs(h: np.ndarray) -> np.ndarray:
            for activation, (kernel, bias) in zip(activations[number:], weights[number + 1 :], strict=False):
                h = activation(h) @ kernel + bias
            return activations[-1](h)[:, 0]

        return outputs

    kernel, bias = weights[0]
    with_second = len(chain) > 1 and chain[0].activation.__name__ == "relu"
    return BitFlipNetwork(bias, kernel, above(0), Second(*weights[1], above(1)) if with_second else None)


def _through(graph: keras.Model, first: keras.layers.Layer) -> BitFlipNetwork | None:
    """Network by the first layer; None if not everything passes through it or it is not affine in the input."""
    shape = graph.input_shape[1:]
    count = int(np.prod(shape))
    try:
        node = called_once(graph, first.name)
        rest = part_after(graph, node)
        linear = linear_part(node, use_bias=True)
    except ValueError:
        return None
    if count * int(np.prod(node.outputs[0].shape[1:])) > _MOST:
        return None
    below = keras.Model(graph.inputs[0], linear(node.input_tensors[0]))

    def pre_activations(x: np.ndarray) -> np.ndarray:
        parts = np.array_split(x.reshape(-1, *shape), -(-len(x) // _ROWS))
        return np.concatenate([_numbers(below(part, training=False)) for part in parts])

    probe = np.random.default_rng(0).choice([-1.0, 1.0], (2, count)).astype("float32")
    zero = pre_activations(np.zeros((1, count), "float32"))[0]
    rows = pre_activations(np.eye(count, dtype="float32")) - zero
    given = pre_activations(probe)
    if not np.allclose(np.tensordot(probe, rows, axes=1) + zero, given, rtol=0, atol=1e-3 * np.abs(given).max()):
        return None

    def outputs(h: np.ndarray) -> np.ndarray:
        z = first.activation(ops.convert_to_tensor(h))
        return _numbers(z if rest is None else rest(z, training=False))[:, 0]

    return BitFlipNetwork(zero, rows, outputs)


def _whole(graph: keras.Model) -> BitFlipNetwork:
    """Network that evaluates the whole model: the strings themselves stand for pre-activations."""
    shape = graph.input_shape[1:]
    count = int(np.prod(shape))

    def outputs(strings: np.ndarray) -> np.ndarray:
        return _numbers(graph(strings.reshape(-1, *shape), training=False))[:, 0]

    return BitFlipNetwork(np.zeros(count, "float32"), np.eye(count, dtype="float32"), outputs)


def _bias(layer: Any) -> np.ndarray:
    """Bias of a layer; zeros if it has none."""
    shape = (*layer.kernel.shape[:-2], layer.kernel.shape[-1])
    return np.zeros(shape, "float32") if layer.bias is None else _numbers(layer.bias)


def _numbers(x: Any) -> np.ndarray:
    if keras.backend.backend() == "torch":
        return ops.convert_to_numpy(x).astype("float32", copy=False)
    return np.asarray(ops.convert_to_tensor(x), "float32")  # `convert_to_numpy` copies weights twice on TensorFlow
