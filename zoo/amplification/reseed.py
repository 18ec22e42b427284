"""Seeds of a model's coins, while it is in memory."""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np

from zoo.amplification.coin_graph import CoinGraph
from zoo.graph import check_model
from zoo.layers.coins import coin_states
from zoo.layers.seeds import optional_seed


def reseed(model: keras.Model, seed: int) -> None:
    """Start all coins of a model from a seed; the flips that follow are then the same each time.

    The models that `zoo.amplify` makes of it share its coins.

    Args:
        model: Any Keras model.
        seed: Int in [0, 2**32).

    Raises:
        ValueError: If `seed` is out of range.

    Example:
        >>> model = zoo.build("ball_cfnn", samples=5)
        >>> zoo.reseed(model, 1); first = model.predict(np.ones((3, 2)), verbose=0)
        >>> zoo.reseed(model, 1); bool((model.predict(np.ones((3, 2)), verbose=0) == first).all())
        True
    """
    check_model(model)
    if optional_seed("seed", seed) is None:
        raise ValueError("`seed` must be an int in [0, 2**32). Received: seed=None")
    start_coins(coin_states(model), seed)


def start_coins(states: list[keras.Variable], *key: int) -> None:
    """Start coins from a key of ints in [0, 2**32)."""
    for index, state in enumerate(states):
        words = np.random.SeedSequence((len(key), *key, index)).generate_state(2)  # NumPy pads keys with zeros
        state.assign(words.astype(keras.backend.standardize_dtype(state.dtype)))


def states_of(model: keras.Model, graph: CoinGraph | None) -> list[keras.Variable]:
    """List the states of a model's coins, and those that only its flipping parts have, of coins it keeps off."""
    own = coin_states(model)
    flipping = coin_states(graph.suffix) if graph else []
    return own + [state for state in flipping if not any(state is one for one in own)]


@contextlib.contextmanager
def restored(states: list[keras.Variable]) -> Iterator[None]:
    """Give the states of coins at the end the values that they have now, also after an error."""
    before = [keras.ops.convert_to_numpy(state.value) for state in states]
    try:
        yield
    finally:
        for state, value in zip(states, before, strict=True):
            state.assign(value)


@contextlib.contextmanager
def seeded(model: keras.Model, seed: int | None, graph: CoinGraph | None = None) -> Iterator[None]:
    """Flip coins from a seed inside, and go on afterwards as if nothing had been flipped; None leaves all as it is.

    `graph` are the parts of the model that flip, if it does.
    """
    seed = optional_seed("seed", seed)
    if seed is None:
        yield
        return
    states = states_of(model, graph)
    with restored(states):
        start_coins(states, seed)
        yield
