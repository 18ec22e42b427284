"""Seeds: checked, derived, and numbers drawn from them on the host."""

import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo.layers.arguments import int_where


def optional_seed(name: str, value: Any) -> int | None:
    """Return `value` as an int or None, or raise a `ValueError` if it is neither None nor in [0, 2**32)."""
    if value is None:
        return None
    return int_where(name, value, lambda n: 0 <= n < 2**32, "None or an int in [0, 2**32)")


def fresh_seed(seed: int | None) -> int:
    """Return `seed`, or if it is None one from Python's `random`, as Keras does: `set_random_seed` determines it."""
    return random.randrange(2**32) if seed is None else seed


def derived_seed(seed: int | None, key: int = 1) -> int | None:
    """Return another seed that `seed` and `key` determine; None stays None."""
    return None if seed is None else int(np.random.SeedSequence((seed, key)).generate_state(1)[0])


def uniform(shape: tuple[int, ...], *key: int) -> np.ndarray:
    """Float32 numbers in [0, 1), multiples of 2**-24, determined by a key of ints in [0, 2**32).

    They are made of Philox's raw words, which NumPy promises not to change, and so are equal on every machine.
    """
    numbers = bits_24(shape, *key).astype(np.float32)
    numbers *= np.float32(2**-24)
    return numbers


def bits_24(shape: tuple[int, ...], *key: int) -> np.ndarray:
    """Return the numbers of `uniform` as uint32 in [0, 2**24), before they are divided by it."""
    halves = _raw("<u4", math.prod(shape), *key)
    halves >>= np.uint32(8)
    return halves.reshape(shape)


def heads(size: int, probability: float, *key: int) -> np.ndarray:
    """Return `size` bools, each True with a probability, to 32 bits; determined by the key, as in `uniform`.

    A byte decides most of them; one in 256 needs 24 bits more.
    """
    first, rest = divmod(round(probability * 2**32), 2**24)
    numbers = _raw("u1", size, *key)
    found = numbers < first
    undecided = np.flatnonzero(numbers == first)
    found[undecided] = bits_24(undecided.shape, *key, 1) < rest
    return found


def _raw(dtype: str, size: int, *key: int) -> np.ndarray:
    """Cut Philox's words into smaller unsigned ints, the lowest bits of each word first."""
    words = np.random.Philox(np.random.SeedSequence(key)).random_raw(-(-size * np.dtype(dtype).itemsize // 8))
    return words.astype("<u8", copy=False).view(dtype)[:size]


def layer_seeds(seed: int | None) -> Iterator[int]:
    """Yield independent seeds in [0, 2**32) for a model's layers, in building order.

    The same `seed` yields the same sequence on every machine; None is a fresh seed.

    Raises:
        ValueError: If `seed` is neither None nor an int in [0, 2**32).
    """
    sequence = np.random.SeedSequence(fresh_seed(optional_seed("seed", seed)))
    while True:
        yield int(sequence.spawn(1)[0].generate_state(1)[0])
