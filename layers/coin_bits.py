"""kept: coins of a rate, drawn with as few random bits as the rate needs."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

_WIDTHS = {8: "uint8", 16: "uint16"}
_SWITCH = threading.local()


def kept(shape, rate: float, generator: keras.random.SeedGenerator):
    """Draw coins that are True with probability 1 - `rate`, independently.

    A rate that is a multiple of 1/256 or 1/65536 (0.5, 0.25, ...) takes 8 or 16 bits a coin and is exact; 1/2 takes one
    bit on TensorFlow. Any other is compared with uniform numbers in float32.

    Args:
        shape: Lengths, ints or int tensors.
        rate: Float in [0, 1).
        generator: Takes one step.

    Returns:
        A bool tensor.
    """
    width = next((bits for bits in _WIDTHS if (rate * 2**bits).is_integer()), None)
    if width is None or keras.backend.backend() not in _RANDOM_BITS or are_numbers():
        return keras.random.uniform(shape, seed=generator, dtype="float32") >= rate
    if rate == 0.5 and keras.backend.backend() == "tensorflow":
        return _fair(shape, generator.next())
    bits = _RANDOM_BITS[keras.backend.backend()](shape, width, generator.next())
    return bits >= ops.cast(round(rate * 2**width), bits.dtype)


@contextlib.contextmanager
def by_numbers() -> Iterator[None]:
    """Compare every coin inside with a uniform number, whatever its rate: other runtimes have no random bits."""
    _SWITCH.by_numbers = True
    try:
        yield
    finally:
        _SWITCH.by_numbers = False


def are_numbers() -> bool:
    """Return whether coins are flipped inside `by_numbers`."""
    return getattr(_SWITCH, "by_numbers", False)


def _by_tensorflow(shape, width: int, seed):
    """Cut words into coins: a word costs more than a comparison."""
    import tensorflow as tf

    count = _count(shape)
    words = _words(-(-count // (32 // width)), seed)
    return tf.reshape(tf.reshape(tf.bitcast(words, _WIDTHS[width]), [-1])[:count], shape)


def _fair(shape, seed):
    """Take every bit for a coin, with TensorFlow: first the lowest bits of all bytes, last the highest."""
    import tensorflow as tf

    count = _count(shape)
    octets = tf.reshape(tf.bitcast(_words(-(-count // 32), seed), "uint8"), [1, -1])
    bits = tf.constant([[1 << place] for place in range(8)], "uint8")  # rows of bytes: columns take four times as long
    return tf.reshape(tf.reshape(tf.bitwise.bitwise_and(octets, bits) > 0, [-1])[:count], shape)


def _count(shape):
    """Return the number of coins of a shape, an int64 tensor."""
    import tensorflow as tf

    return tf.reduce_prod(tf.cast(tf.stack(shape), "int64")) if len(shape) else tf.constant(1, "int64")


def _words(count, seed):
    """Draw random words of 32 bits, an int32 tensor."""
    import tensorflow as tf

    every: Any = None  # word, from the least to the largest
    return tf.random.stateless_uniform(tf.stack([count]), tf.cast(seed, "int32"), every, every, "int32")


def _by_jax(shape, width: int, seed):
    import jax

    return jax.random.bits(seed, shape, _WIDTHS[width])


_RANDOM_BITS = {"tensorflow": _by_tensorflow, "jax": _by_jax}
