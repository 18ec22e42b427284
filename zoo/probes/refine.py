"""refine: points on a curve, closer together where neurons change state."""

import warnings
from collections.abc import Callable, Sequence

import keras
import numpy as np

from layers.arguments import boolean, positive_float, positive_int
from zoo.probes.layer_outputs import probed_layers
from zoo.probes.transitions import state_changes

Curve = Callable[[np.ndarray], np.ndarray]


def refine(
    model: keras.Model,
    curve: Curve,
    layers: Sequence[str] | None = None,
    kind: str = "sign",
    *,
    tolerance: float = 0.01,
    points: int = 1025,
    most_points: int = 2**20,
    networks: bool = False,
    batch_size: int = 1024,
) -> np.ndarray:
    """Positions on a curve where sampling it counts transitions that have converged.

    Steps are halved again and again, those at rest (whose last halving brought no new transition to light) only when
    nothing else moves. The result is reached when halving every step changes no layer's count, of all networks
    together, by more than the tolerance. What a grid misses are neurons that change forth and back within a step; what
    is missed after a halving is about as much as it brought to light.

    Args:
        model: As of `transitions`.
        curve: Maps positions `(points,)` in [0, 1] to points `(points, *input shape)`, as
            `lambda t: great_circle(x0, x1, t)` does.
        layers: As of `transitions`.
        kind: As of `transitions`.
        tolerance: Part of a layer's count, > 0.
        points: Equal steps to begin with, and one.
        most_points: Where to give up, with a warning that says how much the counts still change.
        networks: As of `transitions`.
        batch_size: As of `transitions`.

    Returns:
        Positions, ascending from 0 to 1: `transitions(model, curve(refine(model, curve)))`.

    Raises:
        ValueError: If an argument is out of range, or as of `transitions`.
    """
    positive_float("tolerance", tolerance)
    if positive_int("points", points) < 2 or positive_int("most_points", most_points) < points:
        raise ValueError(
            f"`points` must be from 2 to `most_points`. Received: points={points!r}, most_points={most_points!r}"
        )

    names = probed_layers(model, layers)
    options = {"networks": boolean("networks", networks), "batch_size": batch_size}

    def counts(t: np.ndarray) -> np.ndarray:
        changes = np.concatenate(list(state_changes(model, curve(t), names, kind, **options)), axis=1)
        return (changes.sum(axis=2) if networks else changes).T

    t = np.linspace(0, 1, points)
    found = counts(t)  # (steps, layers)
    resting = np.zeros(len(found), bool)
    while True:
        everything = resting.all()
        halved = np.ones(len(found), bool) if everything else ~resting
        if len(t) + halved.sum() > most_points:
            warnings.warn(_not_converged(t, found, tolerance, most_points), stacklevel=2)
            return t
        t, found, gained = _halve(t, found, halved, counts)
        moved = np.abs(gained.sum(axis=0))
        if everything and (moved <= tolerance * found.sum(axis=0)).all():
            return t
        resting = np.repeat(resting & ~everything, 1 + halved)
        resting[_children(halved)] = np.repeat(~gained[halved].any(axis=1), 2)


def _halve(t: np.ndarray, found: np.ndarray, halved: np.ndarray, counts: Callable) -> tuple[np.ndarray, ...]:
    """Positions, counts per step and, per former step, by how much its counts grew."""
    middle = (t[:-1] + t[1:])[halved] / 2
    nodes = np.unique(np.concatenate([t[:-1][halved], middle, t[1:][halved]]))
    between = counts(nodes)  # of neighbours in `nodes`, which are ends of one half of a step, or of none
    left = np.searchsorted(nodes, t[:-1][halved])
    first, second = between[left], between[left + 1]
    gained = np.zeros_like(found)
    gained[halved] = first + second - found[halved]
    new = np.repeat(found, 1 + halved, axis=0)
    new[_children(halved)] = np.stack([first, second], axis=1).reshape(-1, found.shape[1])
    return np.sort(np.concatenate([t, middle])), new, gained


def _children(halved: np.ndarray) -> np.ndarray:
    """Which of the new steps are halves."""
    return np.repeat(halved, 1 + halved)


def _not_converged(t: np.ndarray, found: np.ndarray, tolerance: float, most_points: int) -> str:
    return (
        f"The counts have not converged to {tolerance} within most_points={most_points}: {found.sum(axis=0).tolist()} "
        f"transitions in the layers at {len(t)} points."
    )
