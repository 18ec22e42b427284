"""Whether an exported model does in its own runtime what it does here."""

from collections.abc import Callable

import keras
import numpy as np

from zoo.graph import ends
from zoo.layers.coins import coin_states
from zoo.layers.flip_rows import graph_of
from zoo.serving.frozen_graph import FrozenGraph, seen, unique
from zoo.serving.runtimes import Run

_EXAMPLES, _CALLS = 4, 16
_TOLERANCE = 1e-3  # of a number of the order of 1, as are probabilities
_SIGMA = 6.0
_LENGTH = 8  # of an axis of any length


def random_examples(model: keras.Model, rows: int, seed: int = 0) -> list[np.ndarray]:
    """Random inputs of a model, flattened: pixels for axes of images, else normal numbers; integers are 0 and 1."""
    rng, made = np.random.default_rng(seed), []
    for x in model.inputs:
        shape = (rows, *(_LENGTH if size is None else size for size in x.shape[1:]))
        if not keras.backend.is_float_dtype(x.dtype):
            made.append(rng.integers(0, 2, shape).astype(x.dtype))
            continue
        numbers = rng.uniform(0, 255, shape) if len(shape) >= 4 else rng.normal(size=shape)
        made.append(numbers.astype(keras.backend.standardize_dtype(x.dtype)))
    return made


def check_same(frozen: FrozenGraph, model: keras.Model, run: Run) -> None:
    """Refuse a file whose outputs differ from ours on a random batch, for the noise that our coins flipped.

    Of the flips one in a hundred, and one at least, may vote otherwise: where two logits are equal but for rounding.

    Raises:
        ValueError: If they differ.
    """
    given = random_examples(model, _EXAMPLES)
    ours = seen(frozen, given)
    noise = {name: ours.pop(name) for name in frozen.draws}
    theirs = run({**dict(zip(frozen.inputs, given, strict=True)), **noise})
    _check_names(ours, theirs)
    for name, one in ours.items():
        other = theirs[name]
        far = ~np.isclose(one, other, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)
        flips = _flips(model)
        moved = np.abs(one[far] - other[far]).sum() * (flips or 0) / 2  # a vote leaves one class for another
        if far.any() and not (noise and flips and moved <= max(1, 0.01 * flips * len(one)) + _TOLERANCE):
            raise ValueError(f"output {name!r} differs by up to {np.nanmax(np.abs(one - other)):.3g}")


def check_law(model: keras.Model, inputs: list[str], load: Callable[[], Run]) -> None:
    """Refuse a file whose mean votes differ from ours beyond chance, or whose coins stand still.

    Raises:
        ValueError: If they do.
    """
    given = random_examples(model, _EXAMPLES)
    states = [(state, keras.ops.convert_to_numpy(state.value)) for state in coin_states(model)]
    ours = [_outputs(model, given) for _ in range(2 * _CALLS)]
    for state, value in states:
        state.assign(value)
    run, named = load(), dict(zip(inputs, given, strict=True))
    theirs = [run(named) for _ in range(_CALLS)]
    _check_names(ours[0], theirs[0])
    for name in ours[0]:
        one, other = (np.stack([call[name] for call in calls]).astype("float64") for calls in (ours, theirs))
        error = np.sqrt(one.var(0) / len(one) + other.var(0) / len(other))
        far = np.abs(one.mean(0) - other.mean(0)) > _SIGMA * error + _TOLERANCE * (1 + np.abs(one.mean(0)))
        if far.any() or not np.isfinite(other).all():
            raise ValueError(f"the mean of output {name!r} differs by {np.abs(one.mean(0) - other.mean(0)).max():.3g}")
        if (other == other[0]).all() and not (one[:_CALLS] == one[0]).all():
            raise ValueError(f"output {name!r} is the same at every call")


def _outputs(model: keras.Model, given: list[np.ndarray]) -> dict[str, np.ndarray]:
    graph = graph_of(model)
    found = keras.tree.flatten(model(keras.tree.pack_sequence_as(ends(graph)[0], given), training=False))
    return dict(zip(unique(graph.output_names), (keras.ops.convert_to_numpy(one) for one in found), strict=True))


def _flips(model: keras.Model) -> int | None:
    return next((layer.samples for layer in model.layers if getattr(layer, "role", None) == "vote"), None)


def _check_names(ours: dict, theirs: dict) -> None:
    if set(ours) != set(theirs):
        raise ValueError(f"outputs are called {', '.join(theirs)}, not {', '.join(ours)}")
