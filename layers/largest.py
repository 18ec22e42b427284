"""largest: the k largest of a vector, marked exactly and without sorting it."""

import functools
import math

import keras
import numpy as np
from keras import ops

_SAMPLE = 4096  # number of values that are sorted for a first guess
_BLOCK = 1024
_BITS = {"float32": "int32", "float64": "int64"}
_INFINITY = {"float32": 0x7F800000, "float64": 0x7FF0000000000000}  # as bits


def _largest(values, keep: int):
    """Ones at the `keep` largest of the values, in a vector; NaN everywhere if one of them is NaN."""
    given = keras.backend.standardize_dtype(values.dtype)
    dtype = given if given in _BITS else "float32"  # exact for the 16-bit floats
    keys = _keys(ops.cast(ops.reshape(values, (-1,)), dtype), dtype)
    low, high = ops.min(keys), ops.max(keys)
    has_nan = ops.logical_or(high > _INFINITY[dtype], low < -_INFINITY[dtype])
    with contextlib.suppress(TypeError):  # while a compiled function is traced there is no value yet
        _refuse_nan(bool(has_nan))
    found = _compiled(_BITS[dtype])(keys, ops.cast(keep, "int32"), low, high, *_guesses(keys, keep))
    one, zero = (ops.where(has_nan, ops.cast(math.nan, given), ops.cast(value, given)) for value in (1, 0))
    return ops.where(found, one, zero)


@functools.cache
def _compiled(bits: str):
    """Compile `_largest_keys` once for all layers of a model: it has most of the operations of a small layer."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        keys, key, count = tf.TensorSpec([None], bits), tf.TensorSpec([], bits), tf.TensorSpec([], "int32")
        return tf.function(_largest_keys, input_signature=[keys, count, key, key, key, key], autograph=False)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(_largest_keys)
    return _largest_keys


def _largest_keys(keys, keep, low, high, *guesses):
    """Mark the `keep` largest keys, the first ones among equals; all keys lie between `low` and `high`."""
    threshold, excess = _threshold(keys, keep, low, high, guesses)

    def break_ties():
        ties = keys == threshold
        last = _position(ties, ops.sum(ops.cast(ties, "int32")) - excess)
        return ops.logical_or(keys > threshold, ops.logical_and(ties, ops.arange(ops.shape(keys)[0]) <= last))

    return ops.cond(excess == 0, lambda: keys >= threshold, break_ties)


def _position(flags, count):
    """Index of the `count`-th True of a vector, found by blocks: a cumulative sum over all of it would be slow."""
    blocks = -(-ops.shape(flags)[0] // _BLOCK)
    padded = ops.concatenate([ops.cast(flags, "int32"), ops.zeros((_BLOCK,), "int32")])[: blocks * _BLOCK]
    rows = ops.reshape(padded, (-1, _BLOCK))
    until = ops.cumsum(ops.sum(rows, axis=1))
    block = ops.sum(ops.cast(until < count, "int32"))
    row = ops.take(rows, block, axis=0)
    left = count - (ops.take(until, block) - ops.sum(row))
    return block * _BLOCK + ops.sum(ops.cast(ops.cumsum(row) < left, "int32"))


def _threshold(keys, keep, smallest, largest, guesses):
    """Largest threshold that at least `keep` keys reach, and the number of keys beyond `keep` that reach it.

    (Any number between the threshold and the next smaller key may be returned.) Throughout, count(keys >= low) >= keep
    and count(keys >= high) < keep. Guesses interpolate between the two counts; every third one halves the range.
    """
    bits = keras.backend.standardize_dtype(keys.dtype)
    dtype = {bits: dtype for dtype, bits in _BITS.items()}[bits]
    one, infinity = ops.cast(1, bits), ops.cast(_INFINITY[dtype], bits)

    def count(key):
        return ops.sum(ops.cast(keys >= key, "int32"))

    def narrow(low, above_low, high, above_high, step, guess):
        above = count(guess)
        enough = above >= keep
        low, above_low = ops.where(enough, guess, low), ops.where(enough, above, above_low)
        high, above_high = ops.where(enough, high, guess), ops.where(enough, above_high, above)
        return low, above_low, high, above_high, step + 1

    def unfinished(low, above_low, high, above_high, step):
        return ops.logical_and(above_low != keep, low + one < high)

    def search(low, above_low, high, above_high, step):
        bottom, top = _floats(low, dtype), _floats(high, dtype)
        share = ops.cast(above_low - keep, dtype) / ops.cast(above_low - above_high, dtype)
        between = _keys(bottom + (top - bottom) * share, dtype)
        middle = ops.bitwise_and(low, high) + ops.right_shift(ops.bitwise_xor(low, high), one)  # does not overflow
        guess = ops.where(step % 3 == 2, middle, between)
        return narrow(low, above_low, high, above_high, step, ops.clip(guess, low + one, high - one))

    # Clipped, so that the key of a NaN cannot overflow.
    low, high = ops.maximum(smallest, -infinity), ops.minimum(largest, infinity) + one
    zero = ops.cast(0, "int32")
    state = (low, zero + ops.shape(keys)[0], high, zero, zero)
    for guess in guesses:
        state = narrow(*state, ops.clip(guess, state[0], state[2]))
    low, above_low, *_ = ops.while_loop(unfinished, search, state)
    return low, above_low - keep


def _guesses(keys, keep: int):
    """Two keys, most likely one below and one above the threshold: quantiles of a strided sample."""
    size = keys.shape[0]
    stride = size // _SAMPLE | 1  # odd: an even stride could sample the same few output channels
    sample = ops.sort(keys[::stride])
    margin = 0 if stride == 1 else 2 * math.isqrt(sample.shape[0])  # four standard deviations
    rank = (size - keep) // stride
    last = sample.shape[0] - 1
    return sample[min(max(rank - margin, 0), last)], sample[min(rank + margin, last)] + ops.cast(1, keys.dtype)


def _keys(floats, dtype: str):
    """Map floats to ints in the same order; both zeros become 0, and subnormal floats keep their order."""
    bits = ops.view(floats, _BITS[dtype])
    return ops.where(bits < 0, ops.cast(np.iinfo(_BITS[dtype]).min, _BITS[dtype]) - bits, bits)


def _floats(keys, dtype: str):
    """Map the ints of `_keys` back to floats."""
    return ops.view(ops.where(keys < 0, ops.cast(np.iinfo(_BITS[dtype]).min, _BITS[dtype]) - keys, keys), dtype)


