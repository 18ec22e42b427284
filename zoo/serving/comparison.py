"""Whether an exported model does in its own runtime what it does here."""

from collections.abc import Callable

import keras
import numpy as np

from zoo.amplification.reseed import restored
from zoo.graph import ends, inner_layers
from zoo.layers.coin_bits import by_numbers
from zoo.layers.coins import coin_states
from zoo.layers.flip_rows import graph_of, has_graph, nodes, role_of
from zoo.serving.endpoints import output_names
from zoo.serving.frozen_graph import FrozenGraph, seen
from zoo.serving.runtimes import Run

_EXAMPLES, _CALLS = 4, 16
_ROUNDING = 1e-5  # between equal examples at two places of a batch
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
    """Refuse a file whose outputs differ from the model's on a random batch, for the noise that its coins flipped.

    Of the flips of a majority one in a hundred, and one at least, may vote otherwise: where two logits are equal but
    for rounding.

    Raises:
        ValueError: If they differ.
    """
    given = random_examples(model, _EXAMPLES)
    ours = _outputs(model, given, kept=True)
    drawn = seen(frozen)(given)
    theirs = run({**dict(zip(frozen.inputs, given, strict=True)), **{name: drawn[name] for name in frozen.draws}})
    _check_names(ours, theirs)
    for (name, one), flips in zip(ours.items(), _majorities(model), strict=True):
        other = theirs[name]
        if one.shape != other.shape:
            raise ValueError(f"output {name!r} has the shape {other.shape}, not {one.shape}")
        far = ~np.isclose(one, other, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)
        moved = np.abs(one[far] - other[far]).sum() * flips / 2  # a vote leaves one class for another
        if far.any() and not (flips and moved <= max(1, 0.01 * flips * len(one)) + _TOLERANCE):
            raise ValueError(f"output {name!r} differs by up to {np.nanmax(np.abs(one - other)):.3g}")


def check_law(model: keras.Model, inputs: list[str], load: Callable[[], Run]) -> None:
    """Refuse a file whose votes have another mean or variance than ours beyond chance, or depend as ours do not.

    Coins must not stand still from call to call, nor be the same for two equal examples of a batch; and flips that
    share a coin would spread the votes more than ours are spread.

    Raises:
        ValueError: If they do.
    """
    given = [np.concatenate([x[:-1], x[:1]]) for x in random_examples(model, _EXAMPLES)]  # the last is the first again
    with restored(coin_states(model)):
        ours = [_outputs(model, given) for _ in range(2 * _CALLS)]
    run, named = load(), dict(zip(inputs, given, strict=True))
    theirs = [run(named) for _ in range(_CALLS)]
    _check_names(ours[0], theirs[0])
    for name in ours[0]:
        one, other = (np.stack([call[name] for call in calls]).astype("float64") for calls in (ours, theirs))
        _check_moments(name, one, other)
        for calls, what in ((np.diff, "at every call"), (_of_equal_examples, "for equal examples of a batch")):
            if _moving(calls(one, axis=0)) >= 0.5 and not _moving(calls(other, axis=0)):
                raise ValueError(f"output {name!r} is the same {what}")


def _check_moments(name: str, one: np.ndarray, other: np.ndarray) -> None:
    """Refuse calls of the runtime whose mean or variance is not that of calls of ours."""
    if one.shape[1:] != other.shape[1:]:
        raise ValueError(f"output {name!r} has the shape {other.shape[1:]}, not {one.shape[1:]}")
    error = np.sqrt(one.var(0) / len(one) + other.var(0) / len(other))
    far = np.abs(one.mean(0) - other.mean(0)) > _SIGMA * error + _TOLERANCE * (1 + np.abs(one.mean(0)))
    if far.any() or not np.isfinite(other).all():
        raise ValueError(f"the mean of output {name!r} differs by {np.abs(one.mean(0) - other.mean(0)).max():.3g}")
    # squared distances of whole calls, whose parts may depend on each other
    spread, their_spread = (
        ((x - x.mean(0)) ** 2).reshape(len(x), -1).sum(1) * len(x) / (len(x) - 1) for x in (one, other)
    )
    if min(spread.mean(), their_spread.mean()) <= _ROUNDING**2 * one[0].size:
        return
    ratio = their_spread.mean() / spread.mean()
    error = np.hypot(*(x.std() / x.mean() / len(x) ** 0.5 for x in (spread, their_spread)))
    if abs(np.log(ratio)) > max(_SIGMA * error, np.log(2)):
        raise ValueError(f"the variance of output {name!r} is {ratio:.3g} times the model's")


def _of_equal_examples(calls: np.ndarray, axis: int) -> np.ndarray:
    """Return the difference between the first and the last example of every call."""
    return calls[:, 0] - calls[:, -1]


def _moving(differences: np.ndarray) -> float:
    """Return the share of differences, one a call, that are none of rounding."""
    return float((np.abs(differences).reshape(len(differences), -1) > _ROUNDING).any(1).mean())


def _outputs(model: keras.Model, given: list[np.ndarray], *, kept: bool = False) -> dict[str, np.ndarray]:
    """Return a model's outputs; `kept` flips the coins that `frozen_graph` traced, and leaves their states."""
    graph = graph_of(model)
    inputs = keras.tree.pack_sequence_as(ends(graph)[0], given)
    if kept:
        states = [(one, keras.ops.convert_to_tensor(one.value)) for one in coin_states(model)]
        with keras.StatelessScope(state_mapping=states), by_numbers():
            found = model(inputs, training=False)
    else:
        found = model(inputs, training=False)
    arrays = map(keras.ops.convert_to_numpy, keras.tree.flatten(found))
    return dict(zip(output_names(model), arrays, strict=True))


def flips_of(model: keras.Model) -> int | None:
    """Return the number of flips that a model's vote counts, at any depth; None without a vote."""
    votes = (layer for layer in inner_layers(model) if role_of(layer) == "vote")
    return next((layer.samples for layer in votes), None)


def _majorities(model: keras.Model) -> list[int]:
    """Return for each output the flips whose majority it is, 0 for all other outputs."""

    def flips(graph, tensor) -> int:
        made = ((node.operation, index) for node in nodes(graph) for index, x in enumerate(node.outputs) if x is tensor)
        operation, index = next(made)
        if has_graph(operation):
            return flips(operation, graph_of(operation).outputs[index])
        is_majority = role_of(operation) == "vote" and operation.vote == "majority"
        return operation.samples if is_majority else 0

    return [flips(model, one) for one in graph_of(model).outputs]


def _check_names(ours: dict, theirs: dict) -> None:
    if set(ours) != set(theirs):
        raise ValueError(f"outputs are called {', '.join(theirs)}, not {', '.join(ours)}")
