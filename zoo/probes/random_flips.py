"""random_flips: count the random bits that flip before the class does."""

import keras
import numpy as np
from numpy.typing import ArrayLike

from zoo.layers.arguments import positive_int
from zoo.layers.seeds import fresh_seed, optional_seed
from zoo.probes.bit_flip_network import BitFlipNetwork, bit_flip_networks
from zoo.probes.bits import check_bits
from zoo.probes.in_threads import in_threads


def random_flips(
    model: keras.Model, x: ArrayLike, seed: int | None = None, *, networks: bool = False, batch_size: int = 4096
) -> np.ndarray:
    """Number of bits of a string that flip, in a random order without repetition, until the class changes.

    Args:
        model: A Functional or built Sequential model without coins at inference, with one input and one output unit,
            a logit.
        x: Strings `(strings, *input shape)` of -1 and 1; a population may have `(strings, networks, bits)`.
        seed: None or int in [0, 2**32), of the orders; each string and network has one of its own.
        networks: True for a population, of outputs `(strings, networks, 1)`.
        batch_size: Strings that are evaluated at once.

    Returns:
        int64 array `(strings,)` or `(strings, networks)`: flips >= 1, or the number of bits if the class never
        changes.

    Raises:
        ValueError: If an argument is out of range, `x` has other numbers than -1 and 1, or the model does not fit.

    Reference: Random deep neural networks are biased towards simple functions, section 3.2, Eq. 9.

    Example:
        >>> model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, kernel_initializer="ones")])
        >>> probes.random_flips(model, np.ones((1, 5)), seed=0)  # in any order the sum goes 5, 3, 1, -1
        array([3])
    """
    rng = np.random.default_rng(fresh_seed(optional_seed("seed", seed)))
    positive_int("batch_size", batch_size)
    machines = bit_flip_networks(model, networks)
    bits = check_bits(x, model.input_shape[1:], len(machines) if networks else None)
    orders = rng.permuted(np.broadcast_to(np.arange(bits.shape[-1]), bits.shape), axis=-1)
    if networks:
        each = zip(machines, bits.swapaxes(0, 1), orders.swapaxes(0, 1), strict=True)
        return np.stack(in_threads(lambda one: _walk(*one, batch_size=batch_size), each), axis=1)
    together = max(batch_size // 16, 1)
    groups = [slice(start, start + together) for start in range(0, len(bits), together)]
    return np.concatenate([_walk(machines[0], bits[group], orders[group], batch_size) for group in groups])


def _walk(machine: BitFlipNetwork, x: np.ndarray, orders: np.ndarray, batch_size: int) -> np.ndarray:
    h, count = machine.start(x), x.shape[1]
    positive = machine.outputs(h) > 0
    flips, left, start = np.full(len(x), count), np.arange(len(x)), 0
    while start < count and len(left):
        bits = orders[:, start : start + max(batch_size // len(x), 1)]
        path = h[:, None] + np.cumsum(machine.changes(x, bits), axis=1)
        changed = (machine.outputs_at(path) > 0) != positive[:, None]
        found = changed.any(axis=1)
        flips[left[found]] = start + 1 + changed[found].argmax(axis=1)
        start += bits.shape[1]
        h, x, orders, positive, left = (part[~found] for part in (path[:, -1], x, orders, positive, left))
    return flips
