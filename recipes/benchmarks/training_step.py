"""One training step of resnet20_cfnn: the share of each kind of op, and what `layers.BatchNormalization` saves.

    python -m zoo.recipes.benchmarks.training_step [--images 16] [--samples 25] [--steps 5] [--rounds 5]

TensorFlow only (its profiler is read). Shares are of the summed durations of the ops, which overlap on several cores.
The second table compares whole steps of the network with those of the same network with Keras's batch normalization:
medians over rounds, each of `steps` steps of one network and then of the other.
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


def build(samples: int):
    """The model, compiled as its recipe does."""
    model = zoo.build("resnet20_cfnn", samples=samples, seed=0)
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
    parser.add_argument("--samples", type=int, default=25)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    x = np.random.default_rng(0).integers(0, 256, (arguments.images, 32, 32, 3)).astype("uint8")
    y = np.arange(arguments.images) % 10
    models = {"ours": build(arguments.samples)}
    with mock.patch("zoo.blocks.residual.BatchNormalization", keras.layers.BatchNormalization):
        models["keras"] = build(arguments.samples)
    steps = {name: lambda model=model: model.train_on_batch(x, y) for name, model in models.items()}
    seconds = {name: [] for name in steps}
    for step in steps.values():
        step()
        step()
    for _ in range(arguments.rounds):
        for name, step in steps.items():
            started = time.perf_counter()
            for _ in range(arguments.steps):
                step()
            seconds[name].append((time.perf_counter() - started) / arguments.steps)
    kinds = {name: shares(step, 2) for name, step in steps.items()}
    total = sum(kinds["ours"].values())
    print(f"\nkeras {keras.__version__}, tensorflow {tf.__version__}")
    print(f"{arguments.images} images x {arguments.samples} flips\n")
    rows = [(kind, f"{value:.2f}", f"{100 * value / total:.0f} %") for kind, value in kinds["ours"].items()]
    print(tabulate(rows, ["kind of op", "s per step", "share"], tablefmt="github", disable_numparse=True))
    op = kinds["ours"]["batch_norm"] / kinds["keras"]["batch_norm"]
    ours, theirs = np.array(seconds["ours"]), np.array(seconds["keras"])
    rows = [
        ("batch normalization alone", f"{kinds['keras']['batch_norm']:.3f}", f"{kinds['ours']['batch_norm']:.3f}", op),
        ("whole step", f"{np.median(theirs):.3f}", f"{np.median(ours):.3f}", np.median(ours / theirs)),
    ]
    print(f"\n{tabulate(rows, ['median s', 'Keras', 'ours', 'ours / Keras'], tablefmt='github', floatfmt='.2f')}")


if __name__ == "__main__":
    main()
