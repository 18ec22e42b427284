"""Probe of a model along a curve of inputs: length of the curve's image and sign changes, in every layer."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from zoo.amplification.amplified import coins_off
from zoo.graph import uncompiled
from zoo.layers import PopulationDense
from zoo.layers.arguments import int_at_least, one_of
from zoo.probes.layer_outputs import called_once, probed_layers
from zoo.recipes.reporting.results import environment
from zoo.recipes.reporting.rows import Row
from zoo.recipes.reporting.text_table import aligned
from zoo.recipes.training.trained import load_trained

_MOST = 2**25  # numbers in the outputs of all layers that are in memory at once
CURVES = {"great_circle": zoo.probes.great_circle, "line": zoo.probes.line}


def probe(
    name: str,
    weights: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    points: int = 1001,
    curve: str = "great_circle",
) -> list[Row]:
    """Measure trajectory length, growth and sign transitions in every layer with a kernel, with coins at their mean.

    Args:
        name: Name of a model, or the folder of a run.
        weights: See `zoo.build`. None is random weights, or the last ones of a run.
        options: Options of the model's builder; a run has its own.
        seed: Int in [0, 2**32), of weights and curve.
        points: Number of points on the curve, >= 2.
        curve: "great_circle", an arc, or "line".

    Returns:
        A dict per layer, ready to be written as a JSON line. `growth` is the ratio to the length in the last layer
        before where it is not 0, or None if there is no such layer. Lengths and transitions of a population are means
        over its networks.

    Raises:
        ValueError: If an argument is out of range, or a coin of the model has no mean.
    """
    int_at_least("seed", seed)
    int_at_least("points", points, minimum=2)
    one_of("curve", curve, tuple(CURVES))
    model = _coins_off(_built(name, weights, dict(options or {}), seed))
    way = trajectory(model, seed, points, curve)
    networks = any(isinstance(layer, PopulationDense) for layer in model.layers)
    measure = {"networks": networks, "batch_size": _batch_size(model)}
    lengths = zoo.probes.trajectory_lengths(model, way, **measure)
    changes = zoo.probes.transitions(model, way, **measure)
    common = {"model": model.name, "curve": curve, "points": points, "seed": seed}
    rows, before = [], None
    for layer, each in lengths.items():
        length, changed = float(np.mean(each)), float(np.mean(changes[layer]))
        measured = {"length": length, "growth": length / before if before and length else None, "transitions": changed}
        rows.append({**common, "layer": layer, **measured, **environment()})
        before = length or before
    return rows


def trajectory(model: keras.Model, seed: int, points: int = 1001, curve: str = "great_circle") -> list[np.ndarray]:
    """Curve of the first input between two random points, and one random row of each other input.

    Images have uniform pixels in [0, 255]; other inputs are standard normal.

    Returns:
        Arrays `(points, ...)` for the first input and `(1, ...)` for the others.
    """
    rng = np.random.default_rng(seed)
    ends, *others = [_draw(rng, x.shape[1:], 1 if number else 2) for number, x in enumerate(model.inputs)]
    return [CURVES[curve](ends[0], ends[1], points), *[other.astype("float32") for other in others]]


def table(rows: Sequence[Row]) -> str:
    """Text table with a line per layer."""
    lines = [
        (
            row["layer"],
            f"{row['length']:.4g}",
            "-" if row["growth"] is None else f"{row['growth']:.3f}",
            f"{row['transitions']:.10g}",
        )
        for row in rows
    ]
    return aligned(lines, ["layer", "length", "growth", "sign transitions"])


def _built(name: str, weights: str | None, options: dict[str, Any], seed: int) -> keras.Model:
    if not (Path(name) / "config.json").is_file():
        return zoo.build(name, weights=weights, seed=seed, **options)
    if options:
        raise ValueError(f"`options` must be those of the run in {name!r}. Received: options={options}")
    return load_trained(name, weights, seed).model


def _coins_off(model: keras.Model) -> keras.Model:
    try:
        return coins_off(model)
    except ValueError as error:
        raise ValueError(
            f"{model.name!r} cannot be probed as a whole: its coins have no means. Give a part of it that flips no "
            f"coins to zoo.probes. {error}"
        ) from error


def _batch_size(model: keras.Model) -> int:
    graph = uncompiled(model)
    outputs = [called_once(graph, name).outputs[0] for name in probed_layers(model, None)]
    return min(max(_MOST // sum(math.prod(y.shape[1:]) for y in outputs), 1), 1024)


def _draw(rng: np.random.Generator, shape: tuple[int, ...], count: int) -> np.ndarray:
    size = (count, *shape)
    return rng.uniform(0, 255, size) if len(shape) == 3 else rng.standard_normal(size)
