"""The schedule against the formulas of IteRand's appendix B.2."""

import math

import keras
import numpy as np
import pytest

from zoo.recipes.training.cosine_per_epoch import CosinePerEpoch

pytestmark = pytest.mark.every_backend


def rates(schedule, steps):
    return np.array([float(schedule(step)) for step in steps])


def test_imagenet_schedule():
    """Half a cosine over 95 epochs, then five at 1e-5."""
    schedule = CosinePerEpoch(0.1, 100, 10, final_epochs=5)
    expected = [0.05 * (1 + math.cos(math.pi * i / 95)) for i in range(95)] + [1e-5] * 5
    np.testing.assert_allclose(rates(schedule, range(0, 1000, 10)), expected, rtol=1e-4, atol=1e-8)


def test_the_rate_changes_between_epochs_only():
    schedule = CosinePerEpoch(0.2, 100, 352)
    np.testing.assert_allclose(rates(schedule, [0, 351, 352, 703]), np.repeat(rates(schedule, [0, 352]), 2))
    assert float(schedule(0)) == pytest.approx(0.2)
    assert float(schedule(50 * 352)) == pytest.approx(0.1)
    assert 0 < float(schedule(100 * 352 - 1)) < 1e-4


def test_it_drives_an_optimizer_and_survives_its_config():
    schedule = CosinePerEpoch(0.5, 3, 2, final_epochs=1)
    config = keras.saving.serialize_keras_object(schedule)
    copy = keras.saving.deserialize_keras_object(config)
    np.testing.assert_array_equal(rates(copy, range(8)), rates(schedule, range(8)))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(copy), "mse")
    seen = [0.0]
    for _ in range(4):
        model.fit(np.ones((1, 1)), np.ones((1, 1)), verbose=0)
        seen.append(float(model.get_weights()[0][0, 0]))
    weight = 0.0
    for rate, after in zip((0.5, 0.5, 0.25, 0.25), seen[1:], strict=True):
        weight += rate * 2 * (1 - weight)
        assert after == pytest.approx(weight, rel=1e-5)
