import keras
import numpy as np
import pytest

from zoo.layers import FanInUniform

FIRST = [-0.36437708, -0.48593301, 0.43773240]  # seed 0, fan_in 4


def draw(shape, **options):
    return keras.ops.convert_to_numpy(FanInUniform(**options)(shape))


def test_it_fills_its_interval_evenly():
    numbers = draw((200, 300), fan_in=16, seed=1)
    assert numbers.dtype == np.float32
    assert abs(numbers).max() <= 0.25
    counts, _ = np.histogram(numbers, bins=10, range=(-0.25, 0.25))
    assert abs(counts - 6000).max() < 5 * np.sqrt(6000 * 0.9)


def test_numbers_are_the_same_everywhere():
    assert not np.isin(draw((7,), fan_in=3, seed=2), draw((7,), fan_in=3, seed=4)).any()
    np.testing.assert_allclose(draw((3,), fan_in=4, seed=0), FIRST, atol=1e-7)


@pytest.mark.parametrize(("options", "message"), [({"fan_in": 0}, "`fan_in`"), ({"fan_in": 2, "seed": -1}, "`seed`")])
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FanInUniform(**options)
