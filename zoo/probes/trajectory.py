"""trajectory_lengths: measure how long the image of a curve is in each layer."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from zoo.layers.arguments import boolean
from zoo.probes.layer_outputs import Inputs, layer_outputs, probed_layers


def trajectory_lengths(
    model: keras.Model,
    trajectory: Inputs,
    layers: Sequence[str] | None = None,
    *,
    networks: bool = False,
    batch_size: int = 1024,
) -> dict[str, Any]:
    """Arc length of a trajectory's image in the output of each layer: the sum of the steps between its points.

    Args:
        model: A Functional or built Sequential model without coins at inference.
        trajectory: Points `(points, ...)`; of a model with several inputs a list of arrays, and an array of one row
            stands still.
        layers: Names of layers; None for all layers with a kernel.
        networks: True for a population, whose layers have outputs `(points, networks, ...)`: lengths are then arrays
            `(networks,)`.
        batch_size: Points that are evaluated at once.

    Returns:
        Dict from layer to length, in the order of `layers`.

    Raises:
        ValueError: If a layer is unknown, the trajectory does not fit, or the model flips coins.

    Reference: On the Expressive Power of Deep Neural Networks, section 2.2.1.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones", name="sum")])
        >>> probes.trajectory_lengths(model, probes.line([0, 0], [3, 4], points=5))
        {'sum': 7.0}
    """
    boolean("networks", networks)
    names = probed_layers(model, layers)
    totals: dict[str, np.ndarray] = {}
    last: dict[str, np.ndarray] = {}
    for outputs in layer_outputs(model, trajectory, names, batch_size):
        for name, y in zip(names, outputs, strict=True):
            points = y.astype("float64").reshape(*y.shape[: 1 + networks], -1)
            joined = np.concatenate([last.get(name, points[:1]), points])
            totals[name] = totals.get(name, 0) + np.linalg.norm(np.diff(joined, axis=0), axis=-1).sum(axis=0)
            last[name] = points[-1:]
    return totals if networks else {name: float(length) for name, length in totals.items()}
