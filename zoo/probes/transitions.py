"""Neuron transitions along a trajectory, and the activation patterns it meets."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from zoo.graph import describe
from zoo.layers.arguments import boolean, one_of
from zoo.probes.layer_outputs import Inputs, layer_outputs, probed_layers

KINDS = ("sign", "saturation", "linear_region")


def transitions(
    model: keras.Model,
    trajectory: Inputs,
    layers: Sequence[str] | None = None,
    kind: str = "sign",
    *,
    networks: bool = False,
    batch_size: int = 1024,
) -> dict[str, Any]:
    """Number of changes of state of each layer's neurons between consecutive points of a trajectory, all together.

    Args:
        model: A Functional or built Sequential model without coins at inference.
        trajectory: Points `(points, ...)`; of a model with several inputs a list of arrays, and an array of one row
            stands still.
        layers: Names of layers; None for all layers with a kernel.
        kind: "sign" of the output, where 0 counts as negative; "saturation", |output| >= 1 with its sign; or
            "linear_region" of the layer's activation, which must be "relu" (zero or not), "relu6" (zero, between or
            6) or "hard_tanh" (the same as saturation).
        networks: True for a population, whose layers have outputs `(points, networks, ...)`: counts are then arrays
            `(networks,)`.
        batch_size: Points that are evaluated at once.

    Returns:
        Dict from layer to number of changes, in the order of `layers`.

    Raises:
        ValueError: If an argument is out of range, a layer is unknown or has no such regions, the trajectory does
            not fit, or the model flips coins.

    Reference: On the Expressive Power of Deep Neural Networks, sections 2.1 and 2.2.2.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones", name="sum")])
        >>> probes.transitions(model, probes.line([-1, -1], [2, 2], points=5))  # from negative to positive
        {'sum': 1}
    """
    boolean("networks", networks)
    names = probed_layers(model, layers)
    levels = [thresholds(model.get_layer(name), one_of("kind", kind, KINDS)) for name in names]
    counts: dict[str, np.ndarray] = {}
    last: dict[str, np.ndarray] = {}
    for outputs in layer_outputs(model, trajectory, names, batch_size):
        for name, level, y in zip(names, levels, outputs, strict=True):
            state = states(y.reshape(*y.shape[: 1 + networks], -1), level)
            joined = np.concatenate([last.get(name, state[:1]), state])
            counts[name] = counts.get(name, 0) + (joined[1:] != joined[:-1]).sum(axis=(0, -1))
            last[name] = state[-1:]
    return counts if networks else {name: int(count) for name, count in counts.items()}


def activation_patterns(
    model: keras.Model, trajectory: Inputs, layers: Sequence[str] | None = None, *, batch_size: int = 1024
) -> int:
    """Number of different activation patterns at the points of a trajectory: the linear regions of all neurons.

    It is at most `most_activation_patterns`.

    Args:
        model: A Functional or built Sequential model without coins at inference.
        trajectory: Points `(points, ...)`; of a model with several inputs a list of arrays, and an array of one row
            stands still.
        layers: Names of layers; None for all layers with a kernel and an activation.
        batch_size: Points that are evaluated at once.

    Returns:
        Int.

    Raises:
        ValueError: If a layer is unknown or its activation has no linear regions, the trajectory does not fit, or the
            model flips coins.

    Reference: On the Expressive Power of Deep Neural Networks, sections 2.1 and 2.3.

    Example:
        >>> unit = keras.layers.Dense(1, "relu", kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), unit])
        >>> probes.activation_patterns(model, probes.line([-1, -1], [2, 2], points=5))  # off, then on
        2
    """
    names = probed_layers(model, layers)
    if layers is None:
        names = [name for name in names if activation_name(model.get_layer(name)) != "linear"]
        if not names:
            raise ValueError(
                f"`layers` must name layers with an activation, those of {describe(model)} with a kernel have none. "
                "Received: layers=None"
            )
    levels = [thresholds(model.get_layer(name), "linear_region") for name in names]
    seen: set[bytes] = set()
    for outputs in layer_outputs(model, trajectory, names, batch_size):
        rows = [states(y, level).reshape(len(y), -1) for level, y in zip(levels, outputs, strict=True)]
        seen.update(row.tobytes() for row in np.concatenate(rows, axis=1))
    return len(seen)


def thresholds(layer: keras.layers.Layer, kind: str) -> tuple[float, ...]:
    """Output values at which a layer's neurons change state."""
    if kind == "sign":
        return (0,)
    if kind == "saturation":
        return (-1, 1)
    activation = activation_name(layer)
    regions = {"relu": (0,), "relu6": (0, 6), "hard_tanh": (-1, 1)}
    if activation not in regions:
        raise ValueError(
            "`kind` 'linear_region' takes layers with the activation 'relu', 'relu6' or 'hard_tanh'. "
            f"Received: {layer.name!r} with {activation!r}"
        )
    return regions[activation]


def states(y: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Number of thresholds that each value exceeds (int8).

    A positive threshold counts as exceeded when it is reached, where activations saturate.
    """
    above = [y >= level if level > 0 else y > level for level in levels]
    return above[0].view("int8") if len(above) == 1 else np.add(*above, dtype="int8")


def activation_name(layer: keras.layers.Layer) -> str:
    """Name of the layer's activation; "linear" if it has none."""
    if isinstance(layer, keras.layers.ReLU):
        return {None: "relu", 6: "relu6"}.get(layer.max_value, f"relu up to {layer.max_value}")
    activation = getattr(layer, "activation", type(layer)) or keras.activations.linear
    if isinstance(activation, keras.layers.Layer):
        return activation_name(activation)
    return getattr(activation, "__name__", repr(activation))
