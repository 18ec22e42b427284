"""nearest_flip: how many bits of a string must flip before the class does."""

import itertools
import math

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from layers.arguments import one_of, positive_int
from zoo.probes.bits import check_bits
from zoo.probes.flipped import Network, Population, change, flipped

_MOST = 2**20  # strings that an exact search may evaluate, per string


def nearest_flip(
    model: keras.Model,
    x: ArrayLike,
    method: str = "greedy",
    max_distance: int | None = None,
    *,
    networks: bool = False,
    batch_size: int = 4096,
) -> np.ndarray:
    """Hamming distance from strings of -1 and 1 to the nearest string of the other class, the sign of the output.

    "greedy" flips, until the class changes, the bit that takes the output furthest towards the other sign, each bit at
    most once: an upper bound of the distance. "exact" tries all strings in the order of their distance.

    Args:
        model: A Functional or built Sequential model without coins at inference, with one input and one output unit, a
            logit. Where a layer with a kernel comes first, its work is not repeated for every candidate.
        x: Strings `(strings, *input shape)`; a population may have `(strings, networks, bits)`.
        method: "greedy" or "exact".
        max_distance: Int >= 1 where the search ends; None for all bits.
        networks: True for a population, of outputs `(strings, networks, 1)`.
        batch_size: Strings that are evaluated at once, over all networks.

    Returns:
        int64 array `(strings,)` or `(strings, networks)`: distances >= 1, -1 where none was found.

    Raises:
        ValueError: If an argument is out of range, `x` has other numbers than -1 and 1, the model does not fit, or an
            exact search might take more than 2^20 evaluations of a string; the message says how many.

    Reference: Random deep neural networks are biased towards simple functions, section 4.1.
    """
    one_of("method", method, ("greedy", "exact"))
    given = None if max_distance is None else positive_int("max_distance", max_distance)
    positive_int("batch_size", batch_size)
    machine = flipped(model, networks)
    bits = check_bits(x, model.input_shape[1:], len(machine.zero) if networks else None)
    count = bits.shape[-1]
    most = min(given or count, count)
    evaluations = sum(math.comb(count, distance) for distance in range(1, most + 1))
    if method == "exact" and evaluations > _MOST:
        raise ValueError(
            f"`max_distance` must be lower for an exact search over {count} bits: up to {evaluations} evaluations of "
            f"each string, at most {_MOST} are allowed. Received: max_distance={max_distance!r}"
        )
    search = _greedy if method == "greedy" else _exact
    if networks:
        return np.stack([search(machine, own, most, batch_size) for own in bits])
    together = max(batch_size // count, 1)
    groups = [bits[start : start + together] for start in range(0, len(bits), together)]
    return np.concatenate([search(machine, group, most, batch_size) for group in groups])


def _greedy(machine: Network | Population, x: np.ndarray, most: int, batch_size: int) -> np.ndarray:
    h = machine.start(x)
    positive = machine.outputs(ops.expand_dims(h, 1))[:, 0] > 0
    distances, searches = np.full(len(x), -1), np.arange(len(x))
    free = np.ones(x.shape, bool)
    for distance in range(1, most + 1):
        y = _each_flipped(machine, h, x, batch_size)
        y = np.where(free, np.where(positive[:, None], y, -y), np.inf)
        best = y.argmin(axis=1)
        lowest = np.take_along_axis(y, best[:, None], axis=1)[:, 0]
        changed = np.where(positive, lowest <= 0, lowest < 0)
        running = distances[searches] < 0
        distances[searches[changed & running]] = distance
        left = np.flatnonzero(running & ~changed)
        if not len(left):
            break
        h = h + change(machine, x, best[:, None])[:, 0]
        free[np.arange(len(x)), best] = False
        if machine.worth_keeping(len(left)):
            machine, h = machine.keep(left), ops.take(h, left, axis=0)
            x, positive, free, searches = x[left], positive[left], free[left], searches[left]
    return distances


def _each_flipped(machine: Network | Population, h, x: np.ndarray, batch_size: int) -> np.ndarray:
    """Outputs `(searches, bits)` with each bit flipped."""
    step = max(batch_size // len(x), 1)
    found = []
    for start in range(0, x.shape[1], step):
        bits = np.arange(start, min(start + step, x.shape[1]))[None]
        found.append(machine.outputs(ops.expand_dims(h, 1) + change(machine, x, bits)))
    return np.concatenate(found, axis=1)


def _exact(machine: Network | Population, x: np.ndarray, most: int, batch_size: int) -> np.ndarray:
    h = machine.start(x)
    positive = machine.outputs(ops.expand_dims(h, 1))[:, 0] > 0
    distances = np.full(len(x), -1)
    step = max(batch_size // len(x), 1)
    for distance in range(1, most + 1):
        choices = itertools.combinations(range(x.shape[1]), distance)
        while (distances < 0).any():
            chosen = np.array(list(itertools.islice(choices, step)))
            if not len(chosen):
                break
            z = ops.expand_dims(h, 1)
            for bits in chosen.T:
                z = z + change(machine, x, bits[None])
            changed = ((machine.outputs(z) > 0) != positive[:, None]).any(axis=1)
            distances[changed & (distances < 0)] = distance
    return distances
