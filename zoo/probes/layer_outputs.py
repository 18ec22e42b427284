"""Outputs of a model's layers along a trajectory, piece by piece."""

import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from zoo.graph import called_once, describe, deterministic, has_graph, nodes, uncompiled
from zoo.layers import HyperDense, NormalDraw, StochasticDense
from zoo.layers.arguments import check_known, positive_int

Inputs = np.ndarray | Sequence[np.ndarray]

_KERNEL_FROM_ELSEWHERE = (HyperDense, NormalDraw, StochasticDense)  # their kernel is drawn, or another layer's output
_PROBES: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # weak, so that a probe does not keep its model alive


def probed_layers(model: keras.Model, layers: Sequence[str] | None) -> list[str]:
    """Return the names given, each once, or if None those of all layers with a kernel, in the model's order.

    A kernel may be drawn or another layer's output. Layers of a nested model are left out, and so are layers whose
    rows are not the model's examples (those of shared draws).

    Raises:
        ValueError: If a name is unknown, or there is no such layer.
    """
    if isinstance(layers, str):
        raise ValueError(f"`layers` must be a list of names. Received: layers={layers!r}")
    own = getattr(model, "layers", [])
    if layers is None:
        layers = [layer.name for layer in own if hasattr(layer, "kernel") or isinstance(layer, _KERNEL_FROM_ELSEWHERE)]
        drawn = _rows_of_their_own(model)
        layers = [name for name in layers if name not in drawn]
    if not layers:
        uncompiled(model)  # a model without a graph is refused for that
        raise ValueError(
            f"`layers` must name a layer, {describe(model)} has none with a kernel in its own graph. "
            f"Received: {layers!r}"
        )
    for name in layers:
        check_known("layer", name, [layer.name for layer in own])
    return list(dict.fromkeys(layers))


def layer_outputs(
    model: keras.Model, trajectory: Inputs, layers: Sequence[str], batch_size: int = 1024
) -> Iterator[list[np.ndarray]]:
    """Yield the outputs of the layers for consecutive pieces of a trajectory.

    Args:
        model: A Functional or built Sequential model without coins at inference.
        trajectory: Points `(points, ...)`, two at least. For a model with several inputs it is a list of arrays, and
            an array of one row stands still.
        layers: Names of layers that are called once.
        batch_size: Points per piece.

    Raises:
        ValueError: If the model flips coins, a layer is called several times or does not give one output with a row
            per point, or the trajectory does not fit.
    """
    for name in _rows_of_their_own(model) & set(layers):
        raise _no_row_per_point(model, name)
    probe = _probe(deterministic(model), tuple(layers))
    parts = fitting(probe, trajectory, fewest=2)
    points = max(len(part) for part in parts)
    # Every batch size is compiled separately, so the last batch is filled up.
    step = min(positive_int("batch_size", batch_size), 2 ** (points - 1).bit_length())
    for start in range(0, points, step):
        rows = np.minimum(np.arange(start, start + step), points - 1)
        batch = [part[rows if len(part) > 1 else rows * 0] for part in parts]
        outputs = _flat(probe.predict_on_batch(batch))
        for name, y in zip(layers, outputs, strict=True):
            check_rows(model, name, y, step)
        yield [keras.ops.convert_to_numpy(y)[: points - start] for y in outputs]


def check_rows(model: keras.Model, name: str, y: Any, points: int) -> None:
    """Raise a `ValueError` unless an output has as many rows as there are points: others may lie on its first axis."""
    if tuple(y.shape[:1]) != (points,):
        raise _no_row_per_point(model, name)


def _no_row_per_point(model: keras.Model, name: str) -> ValueError:
    return ValueError(f"`layers` must give a row per point, {name!r} of {describe(model)} does not")


def _probe(model: keras.Model, layers: tuple[str, ...]) -> keras.Model:
    """Model of the layers' outputs, made once per model and layers, because its first call compiles it."""
    probes = _PROBES.setdefault(model, {})
    if layers not in probes:
        graph = uncompiled(model)
        called = [called_once(graph, name) for name in layers]
        for name, node in zip(layers, called, strict=True):
            if len(node.outputs) != 1:
                raise ValueError(f"`layers` must have one output, {name!r} has {len(node.outputs)}")
        probes[layers] = keras.Model(graph.inputs, [node.outputs[0] for node in called])
    return probes[layers]


def _rows_of_their_own(model: keras.Model) -> set[str]:
    """Names of layers whose number of rows is not that of the inputs."""
    rows = {(), (None,), *(x.shape[:1] for x in getattr(model, "inputs", None) or [])}
    ordered = nodes(model) if has_graph(model) else []
    return {node.operation.name for node in ordered if not {y.shape[:1] for y in node.outputs} <= rows}


def fitting(graph: keras.Model, trajectory: Inputs, fewest: int) -> list[np.ndarray]:
    """Return an array per input, each of one row or of as many as the others.

    Raises:
        ValueError: If the arrays do not fit the inputs, have fewer than `fewest` rows or are not finite.
    """
    parts = [np.asarray(part) for part in (trajectory if isinstance(trajectory, list | tuple) else [trajectory])]
    if len(parts) != len(graph.inputs):
        raise ValueError(f"`trajectory` must have {len(graph.inputs)} arrays, one per input. Received: {len(parts)}")
    for part, expected in zip(parts, graph.inputs, strict=True):
        if part.ndim != len(expected.shape) or any(
            n not in (None, size) for n, size in zip(expected.shape[1:], part.shape[1:], strict=True)
        ):
            wanted = ("points", *expected.shape[1:])
            raise ValueError(f"`trajectory` must have points of the input's shape {wanted}. Received: {part.shape}")
        if np.issubdtype(part.dtype, np.floating) and not np.isfinite(part).all():
            raise ValueError("`trajectory` must be finite. Received: points with infinities or NaN")
    counts = [len(part) for part in parts]
    if not set(counts) <= {1, max(counts)} or not fewest <= max(counts):
        raise ValueError(f"`trajectory` must have {fewest} points or more, or one that stays. Received: {counts}")
    return parts


def _flat(outputs) -> list:
    return outputs if isinstance(outputs, list) else [outputs]
