"""TensorFlow where it only reads data."""

import os
from contextlib import nullcontext, suppress

import keras

from zoo.quiet_import import quiet_import


def keep_off_gpus() -> None:
    """Import TensorFlow and keep it off the GPUs, which are another backend's; too late where it has begun to use them.

    Where only errors of TensorFlow are asked for, as the command does, its import says nothing else.
    """
    if keras.backend.backend() == "tensorflow":
        return
    with quiet_import() if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "3" else nullcontext():
        import tensorflow as tf

    with suppress(RuntimeError):  # its devices were chosen already
        tf.config.set_visible_devices([], "GPU")
