import keras
import numpy as np
import pytest

from zoo.layers import NormalizePixels

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 2)).astype("float32")


@pytest.mark.parametrize(("mean", "variance"), [(0.4, 0.09), ([0.4, 0.1], [0.09, 1]), ((0.4,), 0.09)])
def test_pixels_as_numpy_normalises_them(mean, variance):
    found = keras.ops.convert_to_numpy(NormalizePixels(mean, variance)(PIXELS))
    np.testing.assert_allclose(found, (PIXELS / 255 - mean) / np.sqrt(variance), atol=1e-5)


def test_integers_are_pixels_too():
    found = keras.ops.convert_to_numpy(NormalizePixels(0.4, 0.09)(PIXELS.astype("uint8")))
    np.testing.assert_allclose(found, (PIXELS / 255 - 0.4) / 0.3, atol=1e-5)


@pytest.mark.parametrize("name", ["mean", "variance"])
@pytest.mark.parametrize("value", ["a", None, [[0.1]], float("nan"), [0.1, "b"], [[1], [1, 2]]])
def test_what_is_not_numbers_is_named(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a finite number or a sequence of them"):
        NormalizePixels(**{name: value})


@pytest.mark.parametrize("variance", [0, -1, [1, 0]])
def test_variances_are_positive(variance):
    with pytest.raises(ValueError, match="`variance` must be positive"):
        NormalizePixels(variance=variance)


@pytest.mark.parametrize("name", ["mean", "variance"])
def test_numbers_of_other_channels_are_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` must have one number per channel, 2"):
        NormalizePixels(**{name: [1, 1, 1]})(PIXELS)
