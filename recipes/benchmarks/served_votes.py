"""The endpoint `vote` of an exported resnet20_cfnn against loops of single passes, which are exported beside it.

    python -m zoo.recipes.benchmarks.served_votes [--flips 25] [--images 1 32] [--rounds 9]

The peers run the same network, or the one of Keras's layers with the same weights, once per flip and count by hand: all
passes in one compiled loop, or a compiled pass called from Python. All are SavedModels of TensorFlow, loaded in one
process and called in turn. Ratios are to the loop named last in the table's head, the fastest of the same network; a
line below gives those to the loop of Keras's layers.
"""

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import zoo
from zoo.layers import Amplify, BatchNormalization, CoinFlipDropout, MajorityVote
from zoo.rebuilt import flattened
from zoo.recipes.benchmarks.measure import compare, table

CALLED, COMPILED, KERAS = "loop in Python", "compiled loop", "compiled loop, Keras's layers"


class Dropout(keras.layers.Dropout):
    """Dropout that is on at inference, too."""

    def call(self, inputs, training=None):
        """Drop units."""
        return super().call(inputs, training=True)


def of_keras(model) -> keras.Model:
    """One pass of the network by Keras's layers, with the same weights: its softmax."""

    def instead(layer):
        if isinstance(layer, Amplify):
            return keras.layers.Identity()
        if isinstance(layer, CoinFlipDropout):
            return Dropout(layer.rate)
        if isinstance(layer, MajorityVote):
            return keras.layers.Softmax()
        if isinstance(layer, BatchNormalization):
            normalization = keras.layers.BatchNormalization(momentum=layer.momentum, epsilon=layer.epsilon)
            normalization.build((None, None, None, *layer.moving_mean.shape))
            normalization.set_weights(layer.get_weights())
            return normalization
        return layer

    return flattened(model, lambda _: False, instead)


def loops(single) -> tf.Module:
    """Votes as a user without this library would export them: a loop of some passes, and a single one."""
    images, classes = tf.TensorSpec((None, *single.input_shape[1:]), "float32"), single.output_shape[-1]

    def one(x):
        return tf.one_hot(tf.argmax(single(x, training=False), axis=-1), classes)

    def many(x, flips):
        def count(done, votes):
            return done + 1, votes + one(x)

        begin = tf.constant(0), tf.zeros((tf.shape(x)[0], classes))
        _, votes = tf.while_loop(lambda done, _: done < flips, count, begin, parallel_iterations=1)
        return votes / tf.cast(flips, votes.dtype)

    found = tf.Module()
    found.held = [one.value for one in single.variables]
    found.one = tf.function(one, [images], autograph=False)
    found.many = tf.function(many, [images, tf.TensorSpec((), "int32")], autograph=False)
    return found


def served(model, folder: Path) -> dict:
    """The SavedModels by name, written and loaded."""
    zoo.export(model, folder / "ours")
    tf.saved_model.save(loops(zoo.amplify(model, 1, "mean")), str(folder / "same"))
    tf.saved_model.save(loops(of_keras(model)), str(folder / "keras"))
    return {name: tf.saved_model.load(str(folder / name)) for name in ("ours", "same", "keras")}


def calls(models: dict, x, flips: int) -> dict:
    """Calls by name, each made once."""
    images, number = tf.constant(x), tf.constant(flips)

    def in_python():
        return sum(models["same"].one(images).numpy() for _ in range(flips)) / flips

    found = {
        "vote": lambda: models["ours"].vote(images, number).numpy(),
        COMPILED: lambda: models["same"].many(images, number).numpy(),
        CALLED: in_python,
        KERAS: lambda: models["keras"].many(images, number).numpy(),
    }
    for name, call in found.items():
        if not np.allclose(call().sum(axis=-1), 1, atol=1e-4):
            raise AssertionError(f"the votes of {name} do not sum to 1")
    return found


def main() -> None:
    """Print a table for each number of images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=25)
    parser.add_argument("--images", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    model = zoo.build("resnet20_cfnn", samples=given.flips, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        models = served(model, Path(folder))
        for count in given.images:
            x = np.random.default_rng(0).uniform(0, 255, (count, *model.input_shape[1:])).astype("float32")
            times = compare(calls(models, x, given.flips), given.rounds)
            fastest = min((CALLED, COMPILED), key=lambda name: np.median(times[name][:, 0]))
            print(f"\nImages: {count}, flips: {given.flips}; {table(times, fastest)}\n")
            wall, cpu = (times["vote"] / times[KERAS]).T
            print(
                f"vote / {KERAS}: {np.median(wall):.3g} ({wall.min():.3g} - {wall.max():.3g}), CPU {np.median(cpu):.3g}"
            )
            rates = [f"{name} {count / np.median(found[:, 0]):.3g}" for name, found in times.items()]
            print(f"images / s: {'; '.join(rates)}")


if __name__ == "__main__":
    main()
