"""Neuron transitions along a trajectory, and the activation patterns it meets."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from layers.arguments import one_of
from zoo.bare import describe
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
    """How often the neurons of each layer change state between consecutive points of a trajectory, all together.

    Args:
        model: A Functional or built Sequential model without coins at inference.
        trajectory: Points `(points, ...)`; of a model with several inputs a list, where arrays of one row stand still.
        layers: Names; None for all layers with a kernel.
        kind: "sign" of the output, where 0 counts as negative; "saturation", of |output| >= 1 with its sign; or
            "linear_region" of the layer's activation, which must be "relu" (zero or not), "relu6" (zero, between or 6)
            or "hard_tanh" (as saturation).
        networks: True for a population, whose layers give `(points, networks, ...)`: counts are then arrays
            `(networks,)`.
        batch_size: Points that are evaluated at once.

    Returns:
        Layer -> number of changes, in the order of `layers`.

    Raises:
        ValueError: If an argument is out of range, a layer is unknown or has no such regions, the trajectory does not
            fit, or the model flips coins.

    Reference: On the Expressive Power of Deep Neural Networks, sections 2.1 and 2.2.2.
    """
    names = probed_layers(model, layers)
    pieces = state_changes(model, trajectory, names, kind, networks=networks, batch_size=batch_size)
    counts = np.sum([piece.sum(axis=1) for piece in pieces], axis=0)
    return {name: count if networks else int(count) for name, count in zip(names, counts, strict=True)}


def state_changes(
    model: keras.Model, trajectory: Inputs, names: Sequence[str], kind: str, *, networks: bool, batch_size: int
) -> Iterator[np.ndarray]:
    """Yield, for consecutive pieces, each step's changes `(layers, steps)` or, of a population, `(layers, steps,
    networks)`; arguments and errors as of `transitions`.
    """
    states = [_states(model.get_layer(name), one_of("kind", kind, KINDS)) for name in names]
    last: list[np.ndarray] | None = None
    for outputs in layer_outputs(model, trajectory, names, batch_size):
        now = [state_of(y).reshape(*y.shape[: 1 + networks], -1) for state_of, y in zip(states, outputs, strict=True)]
        joined = now if last is None else [np.concatenate(pair) for pair in zip(last, now, strict=True)]
        yield np.stack([(state[1:] != state[:-1]).sum(axis=-1) for state in joined])
        last = [state[-1:] for state in now]


def activation_patterns(
    model: keras.Model, trajectory: Inputs, layers: Sequence[str] | None = None, *, batch_size: int = 1024
) -> int:
    """Number of different activation patterns at the points of a trajectory: the linear regions of all neurons.

    Arguments and errors as of `transitions` of kind "linear_region"; layers without an activation are left out where
    `layers` is None. At most `zoo.probes.most_activation_patterns`.

    Reference: On the Expressive Power of Deep Neural Networks, sections 2.1 and 2.3.
    """
    names = probed_layers(model, layers)
    if layers is None:
        names = [name for name in names if _activation(model.get_layer(name)) != "linear"]
        if not names:
            raise ValueError(
                f"`layers` must name layers with an activation, those of {describe(model)} with a kernel have none. "
                "Received: layers=None"
            )
    states = [_states(model.get_layer(name), "linear_region") for name in names]
    seen: set[bytes] = set()
    for outputs in layer_outputs(model, trajectory, names, batch_size):
        rows = [state_of(y).reshape(len(y), -1) for state_of, y in zip(states, outputs, strict=True)]
        seen.update(row.tobytes() for row in np.concatenate(rows, axis=1))
    return len(seen)


def _states(layer: keras.layers.Layer, kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """From a layer's outputs to the states of its neurons, int8."""
    if kind == "linear_region":
        activation = _activation(layer)
        if activation not in ("relu", "relu6", "hard_tanh"):
            raise ValueError(
                "`kind` 'linear_region' takes layers with the activation 'relu', 'relu6' or 'hard_tanh'. "
                f"Received: {layer.name!r} with {activation!r}"
            )
        if activation == "relu6":
            return lambda y: (y > 0).astype("int8") + (y >= 6).astype("int8")
        kind = "sign" if activation == "relu" else "saturation"
    if kind == "sign":
        return lambda y: (y > 0).astype("int8")
    return lambda y: (y >= 1).astype("int8") - (y <= -1).astype("int8")


def _activation(layer: keras.layers.Layer) -> str:
    if isinstance(layer, keras.layers.ReLU):
        return {None: "relu", 6: "relu6"}.get(layer.max_value, f"relu up to {layer.max_value}")
    activation = getattr(layer, "activation", type(layer)) or keras.activations.linear
    if isinstance(activation, keras.layers.Layer):
        return _activation(activation)
    return getattr(activation, "__name__", repr(activation))
