"""`zoo train --devices`: the run of one device on two, stopped on one number of them and resumed on the other."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from tiny import write_npz

from zoo.recipes.reporting.results import read_results

# 63 training examples in batches of 16: the last one has 15, which two devices do not divide.
_PROGRAM = """
import sys
from tiny import tiny_cfnn
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.train import train
from zoo.registry import register

register(paper="none", section="none")(tiny_cfnn)
data, out = sys.argv[1:]
options = {"epochs": 2, "batch_size": 16, "augment": "crop", "schedule": "constant", "samples": (1, 5), "seed": 4}
recipe = Recipe("tiny", "tiny_cfnn", data, **options)
train(recipe, f"{out}/one", verbose=0)
train(recipe, f"{out}/two", verbose=0, devices=2)
train(recipe.replace({"epochs": 1}), f"{out}/both", verbose=0, devices=2)
train(recipe, f"{out}/both", verbose=0, resume=True)
"""


@pytest.mark.every_backend
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="Keras distributes on JAX")
def test_two_devices_train_the_run_of_one(tmp_path, contents):
    data = write_npz(tmp_path / "data.npz", n=70)
    environment = {**os.environ, "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", _PROGRAM, data, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one = contents(tmp_path / "one/last.weights.h5")
    for name in ("two", "both"):
        two = contents(tmp_path / name / "last.weights.h5")
        assert list(two) == list(one)
        for path, value in one.items():
            np.testing.assert_allclose(two[path], value, atol=1e-5, err_msg=f"{name} {path}")
        counts = [[row["correct"] for row in read_results(tmp_path / n / "results.jsonl")] for n in ("one", name)]
        assert counts[0] == counts[1]


def test_devices_that_cannot_be_had_are_refused_before_anything_is_written(zoo_command, tmp_path):
    base = ["train", "resnet20_cfnn_digits", "--out", tmp_path / "out", "--devices"]
    for devices, message in (
        (2, "Keras distributes on JAX only, KERAS_BACKEND=jax"),
        (3, "must divide the batch size"),
    ):
        code, _, errors = zoo_command(*base, devices)
        assert (code, errors.count("\n"), message in errors) == (1, 1, True), errors
    assert not (tmp_path / "out").exists()
