"""CoinGenerator: a generator of random numbers whose streams never meet, on every backend and every replica."""

import keras
import numpy as np

_STRIDE = 0x9E3779B1  # odd, so that replicas have different keys; far from the seeds that people choose
_WORD, _LONG = 2**32 - 1, 2**64 - 1


class CoinGenerator(keras.random.SeedGenerator):
    """Keras's `SeedGenerator`, whose draws differ between layers, and between replicas of a `tf.distribute` strategy.

    Keras gives all replicas the same state, and so the same numbers: their coins would be those of the first. Here
    the replica's index is mixed in. The first replica, and a model without a strategy, draw what they draw in Keras.

    On torch, Keras starts each draw from the sum of seed and counter, so that the generator of seed 0 replays that of
    seed 1 one draw later, and it refuses seeds of 2**31 and more. Here seed and counter are hashed to 32 bits, which is
    what torch's generator takes.

    Args:
        seed: None (drawn; `keras.utils.set_random_seed` fixes it) or int.
    """

    def __init__(self, seed: int | None = None, **kwargs) -> None:
        if seed is not None and keras.backend.backend() == "torch":
            seed = _signed(seed)
        super().__init__(seed, **kwargs)

    def next(self, ordered: bool = True):
        """Return the next draw's seed, `(2,)` ints, and advance the state."""
        seed = super().next(ordered)
        if keras.backend.backend() == "torch":
            first, second = (int(word) & _WORD for word in seed)
            return keras.ops.convert_to_tensor([_signed(_hashed(first << 32 | second)), 0], dtype=self.state.dtype)
        if keras.backend.backend() != "tensorflow":
            return seed  # JAX draws once for all devices
        import tensorflow as tf

        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return seed
        index = tf.cast(replica.replica_id_in_sync_group, seed.dtype)
        return seed + tf.stack([index * _STRIDE, tf.zeros_like(index)])


def keras_seed(seed: int) -> int:
    """Return a seed that Keras's own generators take: on torch they refuse more than 31 bits."""
    return seed % 2**31 if keras.backend.backend() == "torch" else seed


def restore(state: keras.Variable, value) -> None:
    """Give a generator the state of a file, also of another backend's, whose ints may be of more bits."""
    state.assign(np.asarray(value).astype(keras.backend.standardize_dtype(state.dtype)))


def _signed(word: int) -> int:
    """Return the int32 of the lowest 32 bits, the dtype of torch's states."""
    return ((word & _WORD) ^ 2**31) - 2**31


def _hashed(key: int) -> int:
    """Return 32 bits of a bijective hash of 64 bits, the finaliser of SplitMix64."""
    key = (key + 0x9E3779B97F4A7C15) & _LONG
    key = ((key ^ key >> 30) * 0xBF58476D1CE4E5B9) & _LONG
    key = ((key ^ key >> 27) * 0x94D049BB133111EB) & _LONG
    return (key ^ key >> 31) >> 32
