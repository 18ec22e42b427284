"""refine: sample a curve more densely where neurons may change state unseen."""

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from zoo.graph import called_once, deterministic, uncompiled
from zoo.layers.arguments import one_of, positive_float, positive_int
from zoo.probes.layer_outputs import Inputs, check_rows, fitting, probed_layers
from zoo.probes.model_parts import linear_part
from zoo.probes.transitions import KINDS, activation_name, states, thresholds

_STEEPER = 1.25  # a neuron's slope inside a step may exceed the slope beside it by this factor
Curve = Callable[[np.ndarray], Inputs]


class _Survey(NamedTuple):
    """Counts of a sampling, by layer: transitions seen, pairs of them that may be missed; and the steps in doubt."""

    seen: np.ndarray
    missed: np.ndarray
    doubtful: np.ndarray


def refine(
    model: keras.Model,
    curve: Curve,
    layers: Sequence[str] | None = None,
    kind: str = "sign",
    *,
    tolerance: float = 0.01,
    points: int = 1025,
    most_points: int = 2**20,
    batch_size: int = 1024,
) -> np.ndarray:
    """Positions on a curve at which the number of transitions has converged.

    A grid misses neurons that change forth and back within a step. A step is in doubt for a neuron with the same state
    at both ends, if extrapolating the step before it or the step after it, a little more steeply, leads to another
    state. Steps in doubt are halved until the transitions that may be missed, two for each neuron in doubt, are no
    more than the tolerance in any layer (of a population: all networks together). Of neurons that bend once within a
    step, nothing else is missed: begin with steps that are short beside the linear regions of the first layer.

    Args:
        model: A Functional or built Sequential model without coins at inference.
        curve: Function from positions `(points,)` in [0, 1] to points `(points, *input shape)`, such as
            `lambda t: great_circle(x0, x1, t)`.
        layers: Names of layers; None for all layers with a kernel.
        kind: "sign", "saturation" or "linear_region", see `transitions`.
        tolerance: Part of a layer's count, > 0.
        points: Initial number of points, at equal distances.
        most_points: Number of points at which refining gives up, with a warning that says how many transitions may
            be missed.
        batch_size: Points that are evaluated at once.

    Returns:
        Positions `(points,)`, ascending from 0 to 1: `transitions(model, curve(refine(model, curve)))`.

    Raises:
        ValueError: If an argument is out of range, or `transitions` refuses the model or an argument.

    Example:
        >>> bias = keras.initializers.Constant(-0.9)
        >>> unit = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer=bias)
        >>> model = keras.Sequential([keras.Input((1,)), unit])
        >>> def bow(t):
        ...     return np.sin(np.pi * t)[:, None]
        >>> probes.refine(model, bow, points=4).round(2)  # the unit is on between 0.36 and 0.64
        array([0.  , 0.33, 0.5 , 0.67, 1.  ])
    """
    positive_float("tolerance", tolerance)
    if not callable(curve):
        raise ValueError(f"`curve` must be a function of positions. Received: curve={curve!r}")
    if positive_int("points", points) < 2 or positive_int("most_points", most_points) < points:
        raise ValueError(
            f"`points` must be from 2 to `most_points`. Received: points={points!r}, most_points={most_points!r}"
        )
    names = probed_layers(model, layers)
    levels = {name: thresholds(model.get_layer(name), one_of("kind", kind, KINDS)) for name in names}
    graph = uncompiled(deterministic(model))
    units = [_before_activation(called_once(graph, name), kind) for name in names]
    probe = keras.Model(graph.inputs, units, name=graph.name)
    t = np.linspace(0, 1, points)
    while True:
        found = _survey(probe, levels, curve, t, size=positive_int("batch_size", batch_size))
        if (2 * found.missed <= tolerance * found.seen).all():
            return t
        if len(t) + len(found.doubtful) > most_points:
            warnings.warn(
                f"The counts have not converged to {tolerance} within most_points={most_points}: at {len(t)} points "
                f"the layers have {found.seen.tolist()} transitions, and {(2 * found.missed).tolist()} may be missed.",
                stacklevel=2,
            )
            return t
        t = np.sort(np.concatenate([t, (t[found.doubtful] + t[found.doubtful + 1]) / 2]))


def _before_activation(node, kind: str) -> keras.KerasTensor:
    """Pre-activation if the layer has one with the same states, else the output."""
    name = activation_name(node.operation)
    same = {"relu": kind != "saturation", "relu6": kind != "saturation", "hard_tanh": True, "tanh": kind == "sign"}
    if same.get(name):
        if isinstance(node.operation, keras.layers.Activation | keras.layers.ReLU):
            return node.input_tensors[0]
        try:
            return linear_part(node, use_bias=True)(node.input_tensors[0])
        except ValueError:
            pass
    return node.outputs[0]


def _survey(
    probe: keras.Model, levels: dict[str, tuple[float, ...]], curve: Curve, t: np.ndarray, *, size: int
) -> _Survey:
    """Survey the curve at positions t, in pieces of `size` steps, each with the steps before and after it.

    `levels` are the thresholds of each layer that the probe gives, in its order.
    """
    seen, missed, doubtful = np.zeros(len(levels), int), np.zeros(len(levels), int), []
    for start in range(0, len(t) - 1, size):
        first, last = max(start - 1, 0), min(start + size + 2, len(t))
        filled = np.minimum(np.arange(first, first + size + 3), last - 1)  # always of one size, to be compiled once
        given = fitting(probe, curve(t[filled]), fewest=1)
        if {len(x) for x in given} - {1, len(filled)}:
            counts = f"{[len(x) for x in given]} for {len(filled)}"
            raise ValueError(f"`curve` must give a point for each position. Received: {counts}")
        parts = [np.repeat(x, len(filled), axis=0) if len(x) == 1 else x for x in given]
        outputs = probe.predict_on_batch(parts)
        inner = slice(start - first, min(start + size, len(t) - 1) - first)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        for layer, (name, y) in enumerate(zip(levels, outputs, strict=True)):
            check_rows(probe, name, y, len(filled))
            values = ops.convert_to_numpy(y)[: last - first].reshape(last - first, -1)
            changed, doubt = _steps(values, t[first:last], levels[name])
            seen[layer] += changed[inner].sum()
            missed[layer] += doubt[inner].sum()
            doubtful.append(start + np.flatnonzero(doubt[inner].any(axis=1)))
    return _Survey(seen, missed, np.unique(np.concatenate(doubtful)))


def _steps(y: np.ndarray, t: np.ndarray, levels: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Neurons that change state, and neurons that may do so unseen, both `(steps, neurons)`."""
    state, rise = states(y, levels), np.diff(y, axis=0)
    changed = state[1:] != state[:-1]
    leaves = np.zeros_like(changed)
    ratio = _STEEPER * (np.diff(t)[1:] / np.diff(t)[:-1]).astype(y.dtype)[:, None]
    leaves[1:] = states(y[1:-1] + rise[:-1] * ratio, levels) != state[1:-1]  # from the step before
    leaves[:-1] |= states(y[1:-1] - rise[1:] * (_STEEPER**2 / ratio), levels) != state[1:-1]  # from the step after
    return changed, leaves & ~changed
