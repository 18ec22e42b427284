"""A coin-flipping model small enough to train in a test, and data for it; also run as a program of its own."""

import sys

import keras
import numpy as np

from zoo.layers import Amplify, CoinFlipDropout, MajorityVote, NormalizePixels, ScoreMaskedConv, ScoreMaskedDense
from zoo.registry import register


def tiny_cfnn(input_shape=(8, 8, 1), classes=3, samples=3, rate=0.4, seed=None):
    """Two dense layers with a coin between them."""
    kernels = [keras.initializers.GlorotUniform(seed=(seed or 0) + i) for i in range(2)]
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(NormalizePixels()(inputs))
    x = keras.layers.Dense(16, activation="relu", kernel_initializer=kernels[0])(x)
    x = CoinFlipDropout(rate, seed=seed)(Amplify(samples)(x))
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(inputs, MajorityVote(samples)(keras.layers.Dense(classes, kernel_initializer=kernels[1])(x)))


def tiny_masked(input_shape=(8, 8, 1), classes=3, kernel_initializer="kaiming_uniform", weight_decay=0.0, seed=0):
    """A convolution and a dense layer of random weights; few layers, because XLA takes a second for a mask."""
    options = {"kernel_initializer": kernel_initializer, "score_regularizer": keras.regularizers.L2(weight_decay / 2)}
    inputs = keras.Input(input_shape)
    x = ScoreMaskedConv(8, 3, strides=2, activation="relu", seed=2 * (seed or 0), **options)(NormalizePixels()(inputs))
    x = keras.layers.BatchNormalization(center=False, scale=False)(x)
    x = ScoreMaskedDense(classes, seed=2 * (seed or 0) + 1, **options)(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Softmax()(x))


def write_npz(path, n=70, classes=3, size=8):
    """Images whose brightness is their class, with noise."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, n)
    x = np.clip(60 + 60 * y[:, None, None] + rng.normal(0, 40, (n, size, size)), 0, 255).astype("uint8")
    np.savez(path, x_train=x, y_train=y, x_test=x[:30], y_test=y[:30])
    return str(path)


def main(data, out, resume, die_at):
    """Train, saving after every batch, until the given batch; there, die as `kill -9` would have it."""
    import os
    import signal

    from zoo.recipes.training import checkpoint
    from zoo.recipes.training.recipe import Recipe
    from zoo.recipes.training.train import train

    register(paper="none", section="none")(tiny_cfnn)
    checkpoint.SAVE_EVERY_S = 0
    count = 0
    ended = checkpoint.Checkpoint.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        nonlocal count
        ended(self, batch, logs)
        count += 1
        if count == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoint.Checkpoint.on_train_batch_end = on_train_batch_end
    recipe = Recipe("tiny", "tiny_cfnn", data, epochs=3, batch_size=16, augment="crop", samples=(1, 5), seed=4)
    train(recipe, out, resume=resume, verbose=0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] == "resume", int(sys.argv[4]))
