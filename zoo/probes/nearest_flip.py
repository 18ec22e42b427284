"""nearest_flip: count the bits of a string that must flip before the class does."""

import itertools
import math

import keras
import numpy as np
from numpy.typing import ArrayLike

from zoo.layers.arguments import one_of, positive_int
from zoo.probes.bit_flip_network import BitFlipNetwork, bit_flip_networks
from zoo.probes.bits import check_bits
from zoo.probes.in_threads import in_threads

_MOST = 2**20  # most strings that an exact search may evaluate for one string


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

    "greedy" flips bits until the class changes, each at most once, always the one that takes the output furthest
    towards the other sign: an upper bound of the distance. "exact" tries all strings in the order of their distance.

    Args:
        model: A Functional or built Sequential model without coins at inference, with one input and one output unit,
            a logit. If its first layer has a kernel, that layer's work is not repeated for every candidate.
        x: Strings `(strings, *input shape)`; a population may have `(strings, networks, bits)`.
        method: "greedy" or "exact".
        max_distance: Int >= 1 where the search ends; None for all bits.
        networks: True for a population, of outputs `(strings, networks, 1)`.
        batch_size: Strings that are evaluated at once, over all networks.

    Returns:
        int64 array `(strings,)` or `(strings, networks)`: distances >= 1, -1 where none was found.

    Raises:
        ValueError: If an argument is out of range, `x` has other numbers than -1 and 1, the model does not fit, or
            an exact search might take more than 2^20 evaluations of a string; the message says how many.

    Reference: Random deep neural networks are biased towards simple functions, section 4.1.

    Example:
        >>> model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, kernel_initializer="ones")])
        >>> probes.nearest_flip(model, np.ones((1, 5)))  # the sum of the bits goes 5, 3, 1, -1
        array([3])
    """
    one_of("method", method, ("greedy", "exact"))
    given = None if max_distance is None else positive_int("max_distance", max_distance)
    positive_int("batch_size", batch_size)
    machines = bit_flip_networks(model, networks)
    bits = check_bits(x, model.input_shape[1:], len(machines) if networks else None)
    count = bits.shape[-1]
    most = min(given or count, count)
    evaluations = sum(math.comb(count, distance) for distance in range(1, most + 1))
    if method == "exact" and evaluations > _MOST:
        raise ValueError(
            f"`max_distance` must be lower for an exact search over {count} bits: up to {evaluations} evaluations of "
            f"each string, at most {_MOST} are allowed. Received: max_distance={max_distance!r}"
        )

    def search(pair: tuple[BitFlipNetwork, np.ndarray]) -> np.ndarray:
        machine, strings = pair
        together = max(batch_size // count, 1)
        groups = [strings[start : start + together] for start in range(0, len(strings), together)]
        one = _greedy if method == "greedy" else _exact
        return np.concatenate([one(machine, group, most, batch_size) for group in groups])

    if method == "greedy" and machines[0].second is not None:
        pairs = [pair for own in bits for pair in zip(machines, own if networks else own[None], strict=True)]
        return np.array(in_threads(lambda pair: _greedy_relu(*pair, most=most), pairs)).reshape(bits.shape[:-1])
    if not networks:
        return search((machines[0], bits))
    return np.stack(in_threads(search, zip(machines, bits.swapaxes(0, 1), strict=True)), axis=1)


def _greedy(machine: BitFlipNetwork, x: np.ndarray, most: int, batch_size: int) -> np.ndarray:
    h, x = machine.start(x), x.copy()
    positive = machine.outputs(h) > 0
    distances, left = np.full(len(x), -1), np.arange(len(x))
    free = np.ones(x.shape, bool)
    step = max(batch_size // len(x), 1)
    for distance in range(1, most + 1):
        pieces = [np.arange(start, min(start + step, x.shape[1]))[None] for start in range(0, x.shape[1], step)]
        y = np.concatenate([machine.outputs_at(h[:, None] + machine.changes(x, bits)) for bits in pieces], axis=1)
        y = np.where(free, np.where(positive[:, None], y, -y), np.inf)
        best = y.argmin(axis=1)[:, None]
        lowest = np.take_along_axis(y, best, axis=1)[:, 0]
        changed = np.where(positive, lowest <= 0, lowest < 0)
        distances[left[changed]] = distance
        h = h + machine.changes(x, best)[:, 0]
        np.put_along_axis(free, best, False, axis=1)
        h, x, positive, free, left = (part[~changed] for part in (h, x, positive, free, left))
        if not len(left):
            break
    return distances


def _greedy_relu(machine: BitFlipNetwork, string: np.ndarray, most: int) -> int:
    """Greedy search for one string, with the second layer's products only of units that some candidate turns on or off.

    A unit that is on for all candidates is linear. The contribution of each bit through all of these units to the
    second layer is kept in `through`, and changed by the few units that join or leave them. A unit that is off for
    all candidates adds nothing.
    """
    h, second = machine.start(string[None])[0], machine.second
    assert second is not None
    positive = machine.outputs(h[None])[0] > 0
    rows = -2 * string[:, None] * machine.rows
    reach = np.abs(rows).max(axis=0)
    on, kept = np.zeros(len(h), bool), np.zeros(len(string), "float32")
    through = np.zeros((len(string), second.kernel.shape[1]), "float32")
    for distance in range(1, most + 1):
        before, on = on, h > reach
        turned = np.flatnonzero(before != on)
        if len(turned):
            through += rows[:, turned] @ np.where(on[turned, None], second.kernel[turned], -second.kernel[turned])
        either, hidden = np.flatnonzero(np.abs(h) <= reach), np.maximum(h, 0)
        # in place: arrays of this size cost as much to allocate as to compute
        switching = rows[:, either]
        switching += h[either]
        np.maximum(switching, 0, out=switching)
        switching -= hidden[either]
        z = switching @ second.kernel[either]
        z += through
        z += hidden @ second.kernel + second.bias
        y = second.outputs(z)
        y = (y if positive else -y) + kept
        best = int(y.argmin())
        if y[best] < 0 or (positive and y[best] == 0):
            return distance
        h = h + rows[best]
        kept[best] = np.inf
    return -1


def _exact(machine: BitFlipNetwork, x: np.ndarray, most: int, batch_size: int) -> np.ndarray:
    h = machine.start(x)
    positive = machine.outputs(h) > 0
    distances = np.full(len(x), -1)
    step = max(batch_size // len(x), 1)
    for distance in range(1, most + 1):
        choices = itertools.combinations(range(x.shape[1]), distance)
        while (distances < 0).any():
            chosen = np.array(list(itertools.islice(choices, step)))
            if not len(chosen):
                break
            z = h[:, None] + sum(machine.changes(x, bits[None]) for bits in chosen.T)
            changed = ((machine.outputs_at(z) > 0) != positive[:, None]).any(axis=1)
            distances[changed & (distances < 0)] = distance
    return distances
