"""CoinGenerator: a generator of random numbers that gives every replica of a distributed model numbers of its own."""

import keras

_STRIDE = 0x9E3779B1  # odd, so that replicas have different keys; far from the seeds that people choose


class CoinGenerator(keras.random.SeedGenerator):
    """Keras's `SeedGenerator`, whose draws differ between the replicas of a `tf.distribute` strategy.

    Keras gives all replicas the same state, and so the same numbers: their coins would be those of the first. Here
    the replica's index is mixed in. The first replica, and a model without a strategy, draw what they draw in Keras.

    Args:
        seed: None (drawn; `keras.utils.set_random_seed` fixes it) or int.
    """

    def next(self, ordered: bool = True):
        """Return the next draw's seed, `(2,)` ints, and advance the state."""
        seed = super().next(ordered)
        if keras.backend.backend() != "tensorflow":
            return seed  # JAX draws once for all devices
        import tensorflow as tf

        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return seed
        index = tf.cast(replica.replica_id_in_sync_group, seed.dtype)
        return seed + tf.stack([index * _STRIDE, tf.zeros_like(index)])
