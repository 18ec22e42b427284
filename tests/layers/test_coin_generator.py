"""Coins of several devices: every replica flips its own, and one device flips what it always did."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from zoo.layers.coin_generator import CoinGenerator, restore


def test_no_generator_replays_the_numbers_of_another():
    generators = [CoinGenerator(seed) for seed in (0, 1, 2, 2**31 + 9, 2**32 - 5, None)]
    draws = {keras.ops.convert_to_numpy(keras.random.uniform((4,), seed=g)).tobytes() for g in generators * 5}
    assert len(draws) == 5 * len(generators)


@pytest.mark.parametrize("dtype", ["int64", "uint32"])  # as TensorFlow and JAX write them
def test_a_generator_goes_on_from_the_state_of_a_file(dtype):
    first, other = CoinGenerator(2**32 - 1), CoinGenerator(5)
    restore(other.state, np.array([2**32 - 1, 0], dtype))
    for _ in range(2):
        numbers = [keras.ops.convert_to_numpy(keras.random.uniform((4,), seed=g)) for g in (first, other)]
        np.testing.assert_array_equal(*numbers)


_REPLICAS = """
import sys
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from zoo import layers

def build():
    inputs = keras.Input((64,))
    flipped = layers.CoinFlipDropout(0.5, seed=1)(inputs)
    drawn = layers.NormalDraw(seed=2)(layers.KernelMoments(3)(inputs))
    noise = layers.CoinFlip(keras.layers.GaussianNoise(1.0), seed=3)(inputs)
    model = keras.Model(inputs, [flipped, drawn, noise])
    model.compile("sgd", ["mse"] * 3)
    return model

x = np.ones((8, 64), "float32")
one = build()
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    two = build()
two.set_weights(one.get_weights())
found = {}
for call in range(2):
    found |= {f"one{call}_{i}": y for i, y in enumerate(one.predict(x[:4], batch_size=4, verbose=0))}
    found |= {f"two{call}_{i}": y for i, y in enumerate(two.predict(x, batch_size=8, verbose=0))}
two.fit(x, [np.zeros(y.shape) for y in two.predict(x, batch_size=8, verbose=0)], batch_size=8, verbose=0)
np.savez(sys.argv[1], **found)
"""


def test_replicas_of_a_mirrored_strategy_flip_their_own_coins(tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("tf.distribute distributes models of the TensorFlow backend only")
    path = tmp_path / "found.npz"
    done = subprocess.run([sys.executable, "-c", _REPLICAS, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = np.load(path)
    for call in range(2):
        for output in range(3):
            one, two = found[f"one{call}_{output}"], found[f"two{call}_{output}"]
            np.testing.assert_allclose(two[:4], one, atol=1e-6)  # the first replica's are those of a single device
            # Two masks of 256 fair coins agree in 128 +- 8 places; normal numbers agree nowhere.
            assert (np.abs(two[4:] - two[:4]) < 1e-6).mean() < (0.5 + 5 * 8 / 256 if output == 0 else 0.01)
    assert (found["two0_0"] != found["two1_0"]).any()


_DEVICES = """
import sys
import jax, keras, numpy as np
from zoo import layers
if sys.argv[2] == "2":
    assert len(jax.devices()) == 2
    keras.distribution.set_distribution(keras.distribution.DataParallel())
inputs = keras.Input((64,))
model = keras.Model(inputs, layers.CoinFlipDropout(0.5, seed=1)(inputs))
np.save(sys.argv[1], model.predict(np.ones((8, 64)), batch_size=8, verbose=0))
"""


def test_devices_of_keras_distribution_flip_the_coins_of_one_device(tmp_path):
    if keras.backend.backend() != "jax":
        pytest.skip("keras.distribution needs JAX")
    found = []
    for devices in ("1", "2"):
        environment = {
            **os.environ,
            "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}",
        }
        command = [sys.executable, "-c", _DEVICES, str(tmp_path / "x.npy"), devices]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        found.append(np.load(tmp_path / "x.npy"))
    np.testing.assert_array_equal(*found)
    assert (found[0][:4] == found[0][4:]).mean() < 0.5 + 5 * 8 / 256
