"""Flips inside a loop of the backend."""

from collections.abc import Callable

import keras

from zoo.amplification.coin_graph import CoinGraph
from zoo.layers.uncast import uncast


def stateless_flips(graph: CoinGraph) -> tuple[list[keras.Variable], Callable]:
    """Return the coins' states, and a function of their values, hidden tensors and a number of flips.

    It returns each vote's logits `(rows, ...)`, the states' next values, and a list of what layers gave to `add_loss`.
    Keras lets no draw happen inside a loop: the generators' states travel through it as values instead.
    """
    suffix = graph.suffix
    coins = [v for v in suffix.variables if not any(v is w for w in suffix.weights)]
    with uncast():  # layers of another precision than the model's want theirs
        frozen = [(weight, weight.value) for weight in suffix.weights]

    def flip(states: list, hidden: list, flips):
        rows = graph.rows(hidden, flips)
        values = frozen + list(zip(coins, states, strict=True))
        with uncast():
            scope = keras.StatelessScope(state_mapping=values, collect_losses=True)
        with scope:
            logits = keras.tree.flatten(suffix(rows, training=False))
        return logits, [scope.get_current_value(coin) for coin in coins], scope.losses

    return coins, flip
