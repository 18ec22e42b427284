"""largest: the k largest of a vector, marked exactly and without sorting it."""

import functools
import math
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from zoo.layers.xla import compiled_by_xla

_BLOCK = 1024
_BITS = {"float32": "int32", "float64": "int64"}
_FLOATS = {bits: dtype for dtype, bits in _BITS.items()}
_INFINITY = {"float32": 0x7F800000, "float64": 0x7FF0000000000000}  # as bits


def largest(values, keep: int):
    """Mark the `keep` largest values, the first ones among equals.

    Args:
        values: Vector of floats of static size.
        keep: Int in [1, size].

    Returns:
        A bool vector, and a bool scalar that tells whether a value is NaN: then the marks mean nothing.
    """
    given = keras.backend.standardize_dtype(values.dtype)
    dtype = given if given in _BITS else "float32"  # exact for the 16-bit floats
    values = ops.cast(values, dtype)
    if keras.backend.backend() == "torch":
        return _by_torch(values, keep)
    if keras.backend.backend() == "tensorflow" and not _fuses():
        marks, quantiles, most = _marks_by_candidates, _by_selection, 16384
    else:
        marks, quantiles, most = _marks, _by_sorting, 1024  # more to sort would not save a pass
    stride, *ranks = window(values.shape[0], values.shape[0] - keep, most)
    return _compiled(dtype, marks)(values, ops.cast(keep, "int32"), *quantiles(values[::stride], *ranks))


@functools.cache
def _compiled(dtype: str, marks: Callable):
    """Compile the search once for all layers of a model: it has most of the operations of a small layer."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(marks)
    import tensorflow as tf

    vector, number, count = tf.TensorSpec([None], dtype), tf.TensorSpec([], dtype), tf.TensorSpec([], "int32")
    return tf.function(marks, input_signature=[vector, count, number, number], autograph=False)


def _fuses() -> bool:
    """Return whether XLA compiles TensorFlow's operations, as Keras has it do on a GPU: else each is a pass."""
    import tensorflow as tf

    return compiled_by_xla() or bool(tf.config.list_physical_devices("GPU"))


def _by_torch(values, keep: int):
    """Take the threshold from torch's own selection: it has no 64-bit views to count with, and nothing to compile."""
    import torch

    threshold = torch.kthvalue(values, values.shape[0] - keep + 1).values
    ties = values == threshold
    first = torch.cumsum(ties, 0) <= keep - torch.count_nonzero(values > threshold)
    return (values > threshold) | (ties & first), torch.isnan(values).any()


def _marks(values, keep, low, high):
    """Search the threshold by counts over all values, beginning with two guesses."""
    keys = _keys(values)
    threshold, excess = _threshold(keys, keep, (_keys(low), _keys(high)))
    found = ops.cond(excess == 0, lambda: keys >= threshold, lambda: _first_of_equals(keys, threshold, excess))
    infinity = ops.cast(_INFINITY[keras.backend.standardize_dtype(values.dtype)], keys.dtype)
    return found, ops.logical_or(ops.max(keys) > infinity, ops.min(keys) < -infinity)


def _marks_by_candidates(values, keep, low, high):
    """Select the threshold among the values in [low, high], a few hundredths of all, if it is there."""
    import tensorflow as tf

    dtype = keras.backend.standardize_dtype(values.dtype)
    above = values > high
    between = tf.where(tf.not_equal(values >= low, above))
    wanted = keep - _count(above)
    inside = ops.logical_and(wanted > 0, wanted <= tf.shape(between)[0])

    def select():
        keys = _keys(tf.gather_nd(values, between))
        threshold = _select(keys, ops.shape(keys)[0] - wanted)
        return threshold, _count(keys >= threshold) - wanted

    threshold, excess = ops.cond(inside, select, lambda: _threshold(_keys(values), keep))
    number = _floats(threshold, dtype)
    # A processor may take subnormal numbers for 0; as keys they differ.
    plain = ops.logical_and(excess == 0, ops.abs(number) >= np.finfo(dtype).tiny)
    found = ops.cond(plain, lambda: values >= number, lambda: _first_of_equals(_keys(values), threshold, excess))
    suspect = ops.isnan(ops.sum(values))  # half of a look at each value; infinities of both signs make NaN, too
    return found, ops.cond(suspect, lambda: ops.any(ops.isnan(values)), lambda: False)


def _select(keys, rank):
    """Return the key of that rank, from 0 for the least: TensorFlow has it on the CPU and outside XLA only."""
    import tensorflow as tf

    return tf.raw_ops.NthElement(input=keys, n=rank)


def _first_of_equals(keys, threshold, excess):
    """Mark the keys that reach a threshold, without the last `excess` of those equal to it."""
    ties = keys == threshold
    last = _position(ties, _count(ties) - excess)
    return ops.logical_or(keys > threshold, ops.logical_and(ties, ops.arange(ops.shape(keys)[0]) <= last))


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


def _count(flags):
    return ops.sum(ops.cast(flags, "int32"))


def _threshold(keys, keep, guesses=()):
    """Largest threshold that at least `keep` keys reach, and the number of keys beyond `keep` that reach it.

    (Any number between the threshold and the next smaller key may be returned.) Throughout, count(keys >= low) >= keep
    and count(keys >= high) < keep. Guesses interpolate between the two counts; every third one halves the range.
    """
    dtype = _FLOATS[keras.backend.standardize_dtype(keys.dtype)]
    one, infinity = ops.cast(1, keys.dtype), ops.cast(_INFINITY[dtype], keys.dtype)

    def narrow(low, above_low, high, above_high, step, guess):
        above = _count(keys >= guess)
        enough = above >= keep
        low, above_low = ops.where(enough, guess, low), ops.where(enough, above, above_low)
        high, above_high = ops.where(enough, high, guess), ops.where(enough, above_high, above)
        return low, above_low, high, above_high, step + 1

    def unfinished(low, above_low, high, above_high, step):
        return ops.logical_and(above_low != keep, low + one < high)

    def search(low, above_low, high, above_high, step):
        bottom, top = _floats(low, dtype), _floats(high, dtype)
        share = ops.cast(above_low - keep, dtype) / ops.cast(above_low - above_high, dtype)
        between = _keys(bottom + (top - bottom) * share)
        middle = ops.bitwise_and(low, high) + ops.right_shift(ops.bitwise_xor(low, high), one)  # does not overflow
        guess = ops.where(step % 3 == 2, middle, between)
        return narrow(low, above_low, high, above_high, step, ops.clip(guess, low + one, high - one))

    # Clipped, so that the key of a NaN cannot overflow.
    low, high = ops.maximum(ops.min(keys), -infinity), ops.minimum(ops.max(keys), infinity) + one
    zero = ops.cast(0, "int32")
    state = (low, zero + ops.shape(keys)[0], high, zero, zero)
    for guess in guesses:
        state = narrow(*state, ops.clip(guess, state[0], state[2]))
    low, above_low, *_ = ops.while_loop(unfinished, search, state)
    return low, above_low - keep


def window(size: int, rank: int, most: int) -> tuple[int, int, int]:
    """Describe a sample of a vector, a 64th of it: its stride, and the ranks in it of two values around another.

    Most likely, the vector's value of that rank (from 0 for the least) lies between those two of the sample.
    """
    stride = size // min(max(size // 64, 1024), most) | 1  # odd: an even one could sample the same few output channels
    count = -(-size // stride)
    margin = 1 if stride == 1 else 2 * math.isqrt(count)  # four standard deviations
    return stride, max(rank // stride - margin, 0), min(rank // stride + margin, count - 1)


def _by_sorting(sample, *ranks: int):
    ordered = ops.sort(sample)
    return [ordered[rank] for rank in ranks]


def _by_selection(sample, *ranks: int):
    keys, dtype = _keys(sample), keras.backend.standardize_dtype(sample.dtype)
    return [_floats(_select(keys, rank), dtype) for rank in ranks]


def _keys(floats):
    """Map floats to ints in the same order; both zeros become 0, and subnormal floats keep their order."""
    dtype = _BITS[keras.backend.standardize_dtype(floats.dtype)]
    bits = ops.reshape(ops.view(ops.expand_dims(floats, -1), dtype), ops.shape(floats))  # of any size, also unknown
    return ops.where(bits < 0, ops.cast(np.iinfo(dtype).min, dtype) - bits, bits)


def _floats(keys, dtype: str):
    """Map the ints of `_keys` back to floats."""
    lowest = ops.cast(np.iinfo(_BITS[dtype]).min, _BITS[dtype])
    return ops.view(ops.where(keys < 0, lowest - keys, keys), dtype)
