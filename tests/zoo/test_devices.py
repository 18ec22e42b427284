"""Batches that several devices share, also those that they do not divide."""

import os
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest

from zoo.devices import on_devices

_PROGRAM = """
import sys
import keras, numpy as np, zoo
from zoo.devices import on_devices

def numbers(devices):
    with on_devices(devices):
        model = zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), depth=8, classes=3, samples=3, seed=1)
        model.compile(keras.optimizers.SGD(0.1, 0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 256, (21, 8, 8, 1)).astype("uint8"), np.arange(21) % 3
        loss = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history["loss"]  # 8, 8 and 5 examples
        votes = zoo.amplify(model, 5, seed=2).predict(x[:7], batch_size=4, verbose=0)  # 4 and 3
        flips = zoo.flips(model, x[:7], 5, batch_size=7, seed=3)
        return {"loss": loss, "votes": votes, "flips": flips, "weights": np.concatenate([w.ravel() for w in
            model.get_weights()])}

for devices in (1, 2):
    np.savez(f"{sys.argv[1]}/{devices}.npz", **numbers(devices))
try:
    with on_devices(3):
        pass
except ValueError as error:
    print(error)
"""


@pytest.fixture
def two_devices():
    """Run a program whose CPU is two devices: its output."""

    def run(program, *arguments):
        environment = {**os.environ, "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2"}
        command = [sys.executable, "-c", program, *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="Keras distributes on JAX")
def test_two_devices_compute_the_numbers_of_one(two_devices, tmp_path):
    refused = two_devices(_PROGRAM, tmp_path)
    assert refused == ("`devices` must be at most 2, those that JAX finds: cpu:0, cpu:1. Received: devices=3\n")
    one, two = (np.load(tmp_path / f"{devices}.npz") for devices in (1, 2))
    np.testing.assert_array_equal(two["flips"], one["flips"])
    for name in ("loss", "votes", "weights"):
        np.testing.assert_allclose(two[name], one[name], atol=1e-5)


def test_other_backends_have_one_device():
    with on_devices(None), on_devices(1):
        assert keras.distribution.distribution() is None
    message = "at most" if keras.backend.backend() == "jax" else "`devices` must be 1 on .*KERAS_BACKEND=jax"
    with pytest.raises(ValueError, match=message), on_devices(99):
        pass
    for bad in (0, 1.5, True):
        with pytest.raises(ValueError, match="`devices` must be a positive int"), on_devices(bad):
            pass


_PROCESS = """
import sys
import keras
path, port, rank = sys.argv[1], sys.argv[2], int(sys.argv[3])
ranks = 2 if rank >= 0 else 1
if ranks == 2:
    keras.distribution.initialize(f"127.0.0.1:{port}", 2, rank)
import numpy as np, zoo
from zoo.devices import SharedBatches
if ranks == 2:
    keras.distribution.set_distribution(SharedBatches())
keras.utils.set_random_seed(0)
model = zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), depth=8, classes=3, samples=3, seed=1)
model.compile(keras.optimizers.SGD(0.1, 0.9), "sparse_categorical_crossentropy")
rng = np.random.default_rng(0)
x, y = rng.integers(0, 256, (32, 8, 8, 1)).astype("uint8"), np.arange(32) % 3
share = 8 // ranks
rows = [i for i in range(32) if i % 8 // share == max(rank, 0)]
model.fit(x[rows], y[rows], batch_size=share, epochs=2, shuffle=False, verbose=0)
np.save(f"{path}/{rank}.npy", np.concatenate([w.ravel() for w in model.get_weights()]))
"""


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="Keras distributes on JAX")
def test_two_processes_train_what_one_does(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", _PROCESS, str(tmp_path), str(port)]
    started = [subprocess.Popen([*command, str(rank)]) for rank in (-1, 0, 1)]
    assert [process.wait(300) for process in started] == [0, 0, 0]
    one, *two = (np.load(tmp_path / f"{rank}.npy") for rank in (-1, 0, 1))
    np.testing.assert_array_equal(*two)
    np.testing.assert_allclose(two[0], one, atol=1e-5)
