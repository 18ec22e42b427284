"""One training step of resnet20_cfnn with 25 flips: the share of each kind of op, and where its time could be saved.

    python benchmarks/training_step.py [--images 16] [--steps 3]

TensorFlow only (its profiler is read). Shares are of the summed durations of the ops, which overlap on several cores.
The second table swaps batch normalization for TensorFlow's fused op in the same network and compares whole steps,
interleaved: the gain of the op against the gain of the step.
"""

import argparse
import collections
import glob
import tempfile
import time
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from tabulate import tabulate
from tensorflow.tsl.profiler.protobuf import xplane_pb2

import zoo

KINDS = ("convolution", "batch_norm", "dropout", "re_lu", "add", "amplify", "majority")


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer with TensorFlow's fused op as its training pass."""

    def call(self, inputs, training=None, mask=None):
        """Normalize by the batch's statistics."""
        zeros, ones = tf.zeros_like(self.beta.value), tf.ones_like(self.beta.value)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=self.gamma, offset=self.beta, mean=zeros, variance=ones, epsilon=self.epsilon
        )
        rows = tf.cast(tf.size(inputs) // inputs.shape[-1], "float32")
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance * (rows - 1) / rows)):
            moving.assign(moving * self.momentum + tf.stop_gradient(batch) * (1 - self.momentum))
        return outputs


def build():
    """The model, compiled as its recipe does."""
    model = zoo.build("resnet20_cfnn", seed=0)
    model.compile(keras.optimizers.SGD(0.1, 0.9), "sparse_categorical_crossentropy")
    return model


def shares(step, steps: int) -> dict[str, float]:
    """Seconds per step of each kind of op."""
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(steps):
            step()
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace()
        with open(glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)[0], "rb") as file:
            space.ParseFromString(file.read())
    seconds = collections.Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events if "CPU" in plane.name):
            name = plane.event_metadata[event.metadata_id].name
            if ":" in name and "/" in name:  # an op of the graph: its path, then its type
                kind = next((kind for kind in KINDS if kind in name.split(":")[0]), "other")
                seconds[kind] += event.duration_ps / 1e12 / steps
    return dict(seconds.most_common())


def main() -> None:
    """Measure and print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--steps", type=int, default=5)
    arguments = parser.parse_args()
    x = np.random.default_rng(0).integers(0, 256, (arguments.images, 32, 32, 3)).astype("uint8")
    y = np.arange(arguments.images) % 10
    models = {"keras": build()}
    with mock.patch("keras.layers.BatchNormalization", FusedBatchNormalization):
        models["fused"] = build()
    steps = {name: lambda model=model: model.train_on_batch(x, y) for name, model in models.items()}
    seconds = {name: [] for name in steps}
    for step in steps.values():
        step()
        step()
    for _ in range(arguments.steps):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - started)
    kinds = {name: shares(step, 2) for name, step in steps.items()}
    total = sum(kinds["keras"].values())
    print(f"\nkeras {keras.__version__}, tensorflow {tf.__version__}, {arguments.images} images x 25 flips\n")
    rows = [(kind, f"{value:.2f}", f"{100 * value / total:.0f} %") for kind, value in kinds["keras"].items()]
    print(tabulate(rows, ["kind of op", "s per step", "share"], tablefmt="github", disable_numparse=True))
    op = kinds["fused"]["batch_norm"] / kinds["keras"]["batch_norm"]
    step = np.median(np.array(seconds["fused"]) / np.array(seconds["keras"]))
    rows = [("batch normalization alone", f"{op:.2f}"), ("whole step", f"{step:.2f}")]
    print(f"\n{tabulate(rows, ['time with the fused op / with Keras', 'ratio'], tablefmt='github')}")


if __name__ == "__main__":
    main()
