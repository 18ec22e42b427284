"""Data complexity and random complexity: the numbers of neurons behind the data and behind the coins."""

import math
from typing import NamedTuple

import keras

from zoo.graph import inner_layers, nodes, uncompiled
from zoo.layers import HyperDense, NormalDraw, RandomInput, SharedDraws, StochasticDense
from zoo.layers.coins import flips_coins


class Complexity(NamedTuple):
    """Neurons on some path from the data (DC) and from the random numbers (RC) to the output; some are on both."""

    data: int
    random: int


class _Seen(NamedTuple):
    """Dependence of a tensor on the data and on random numbers."""

    data: bool
    random: bool


def complexity(model: keras.Model) -> Complexity:
    """Count a model's neurons from its graph, once each, however many flips it makes.

    A neuron is a number per row of the output of a layer with a `kernel` (Dense, convolutions, masked layers), of a
    `HyperDense`, a `StochasticDense` or a `NormalDraw`: units of a Dense layer, height times width times filters of a
    convolution. Random numbers come in at the layers that flip coins at inference. `SharedDraws` and `RandomInput`
    pass no data on. Models inside the model are counted, too; layers inside other layers (wrappers, recurrent cells)
    are refused.

    Args:
        model: A Functional or a built Sequential model of known sizes.

    Returns:
        A named tuple `(data, random)` of ints: neurons on some path from the data, and from the random numbers, to
        the output.

    Raises:
        ValueError: If the model has no such graph, has layers within layers, or the size of a layer is not known.

    Reference: Coin-Flipping Neural Networks, section 4.1.

    Example:
        >>> zoo.complexity(zoo.build("stochastic_mlp", hidden=(4,), classes=2))
        Complexity(data=6, random=6)
    """
    return _walk(model, _Seen(data=True, random=False))[0]


def _walk(model: keras.Model, given: _Seen) -> tuple[Complexity, _Seen]:
    """Counts, and the dependence of the outputs, if the inputs depend on `given`."""
    model = uncompiled(model)
    seen = {id(tensor): given for tensor in model.inputs}
    data = random = 0
    for node in nodes(model):
        if node.is_input:
            continue
        found = _joined([seen[id(tensor)] for tensor in node.input_tensors])
        operation = node.operation
        if isinstance(operation, keras.Model):
            (inner_data, inner_random), found = _walk(operation, found)
            data, random = data + inner_data, random + inner_random
        else:
            if isinstance(operation, SharedDraws | RandomInput):
                found = _Seen(data=False, random=flips_coins(operation))
            elif flips_coins(operation):
                found = _Seen(found.data, random=True)
            neurons = _neurons(operation, node.outputs[0].shape[1:])
            data, random = data + neurons * found.data, random + neurons * found.random
        seen |= {id(tensor): found for tensor in node.outputs}
    return Complexity(data, random), _joined([seen[id(tensor)] for tensor in model.outputs])


def _joined(parts: list[_Seen]) -> _Seen:
    return _Seen(any(part.data for part in parts), any(part.random for part in parts))


def _neurons(layer, shape: tuple) -> int:
    if not hasattr(layer, "kernel") and not isinstance(layer, HyperDense | NormalDraw | StochasticDense):
        inner = inner_layers(layer) if isinstance(layer, keras.layers.Layer) else []
        if any(hasattr(one, "kernel") for one in inner):
            raise ValueError(f"`model` must have no layers within layers. Received: {layer.name!r}, which has")
        return 0
    if None in shape:
        raise ValueError(f"`model` must have layers of known sizes. Received: {layer.name!r} of shape {shape}")
    return math.prod(shape)
