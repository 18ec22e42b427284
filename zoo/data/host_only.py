"""TensorFlow where it only reads data."""

from contextlib import suppress

import keras


def keep_off_gpus() -> None:
    """Keep TensorFlow off the GPUs, which are another backend's; too late where it has begun to use them."""
    if keras.backend.backend() == "tensorflow":
        return
    import tensorflow as tf

    with suppress(RuntimeError):  # its devices were chosen already
        tf.config.set_visible_devices([], "GPU")
