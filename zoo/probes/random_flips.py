"""random_flips: how many random bits flip before the class does."""

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from layers.arguments import optional_seed, positive_int
from zoo.probes.bits import check_bits
from zoo.probes.flipped import Network, Population, change, flipped


def random_flips(
    model: keras.Model, x: ArrayLike, seed: int | None = None, *, networks: bool = False, batch_size: int = 4096
) -> np.ndarray:
    """Bits of a string that flip one after the other, in a random order without repetition, until the class changes.

    Args:
        model: As of `nearest_flip`.
        x: As of `nearest_flip`.
        seed: None or int in [0, 2**32), of the orders: another one for every string and network.
        networks: As of `nearest_flip`.
        batch_size: As of `nearest_flip`.

    Returns:
        int64 array `(strings,)` or `(strings, networks)`: flips >= 1, the number of bits where the class never changes.

    Raises:
        ValueError: If an argument is out of range, `x` has other numbers than -1 and 1, or the model does not fit.

    Reference: Random deep neural networks are biased towards simple functions, section 3.2, Eq. 9.
    """
    rng = np.random.default_rng(optional_seed("seed", seed))
    positive_int("batch_size", batch_size)
    machine = flipped(model, networks)
    bits = check_bits(x, model.input_shape[1:], len(machine.zero) if networks else None)
    groups = list(bits) if networks else np.array_split(bits, -(-len(bits) // max(batch_size // 16, 1)))
    found = [_walk(machine, group, rng.permuted(_orders(group), axis=1), batch_size) for group in groups]
    return np.stack(found) if networks else np.concatenate(found)


def _orders(x: np.ndarray) -> np.ndarray:
    return np.tile(np.arange(x.shape[1]), (len(x), 1))


def _walk(machine: Network | Population, x: np.ndarray, orders: np.ndarray, batch_size: int) -> np.ndarray:
    h = machine.start(x)
    positive = machine.outputs(ops.expand_dims(h, 1))[:, 0] > 0
    count = x.shape[1]
    steps, searches = np.full(len(x), -1), np.arange(len(x))
    start = 0
    while start < count:
        bits = orders[:, start : start + max(batch_size // len(x), 1)]
        path = ops.expand_dims(h, 1) + ops.cumsum(change(machine, x, bits), axis=1)
        changed = (machine.outputs(path) > 0) != positive[:, None]
        running, found = steps[searches] < 0, changed.any(axis=1)
        steps[searches[running & found]] = start + 1 + changed.argmax(axis=1)[running & found]
        left = np.flatnonzero(running & ~found)
        if not len(left):
            break
        h, start = path[:, -1], start + bits.shape[1]
        if machine.worth_keeping(len(left)):
            machine, h = machine.keep(left), ops.take(h, left, axis=0)
            x, orders, positive, searches = x[left], orders[left], positive[left], searches[left]
    return np.where(steps < 0, count, steps)
