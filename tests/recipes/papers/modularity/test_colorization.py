"""Examples of colorization against formulas and Pillow."""

import numpy as np
import pytest
from PIL import Image

from zoo.recipes.papers.modularity.colorization import FEATURES, grey, pixel_features, random_pixels

pytestmark = pytest.mark.backend_free
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3)).astype("uint8")


def test_features_are_coordinates_and_their_powers():
    features = pixel_features(np.array([0, 31, 8]), np.array([31, 4, 0]), (32, 32))
    assert features.shape == (3, FEATURES) == (3, 42)
    assert features.dtype == np.float32
    for row, (i, j) in zip(features, [(0, 31), (31, 4), (8, 0)], strict=True):
        i1, i2 = -1 + 2 * i / 31, -1 + 2 * j / 31
        sums = [f for k in range(10) for f in (i1**k + i2, i2**k + i1, i1**k - i2, i2**k - i1)]
        np.testing.assert_allclose(row, [i1, i2, *sums], atol=1e-5)


def test_grey_is_pillows():
    expected = [np.asarray(Image.fromarray(image).convert("L"), "float64").ravel() for image in IMAGES]
    found = grey(IMAGES)
    assert found.shape == (5, 24)
    assert found.dtype == np.float32
    np.testing.assert_allclose((found + 1) * 127.5, expected, atol=1)  # which Pillow rounds
    np.testing.assert_allclose(grey(np.zeros((1, 2, 2, 3))), -1)
    np.testing.assert_allclose(grey(np.full((1, 2, 2, 3), 255)), 1, atol=1e-6)
    with pytest.raises(ValueError, match="`images` must have 3 channels"):
        grey(IMAGES[..., :1])


def test_random_pixels_are_those_the_features_say():
    images = np.repeat(IMAGES, 200, axis=0)
    features, colours = random_pixels(images, np.random.default_rng(1))
    rows = np.rint((features[:, 0] + 1) / 2 * 3).astype(int)
    columns = np.rint((features[:, 1] + 1) / 2 * 5).astype(int)
    expected = images[np.arange(1000), rows, columns]
    np.testing.assert_allclose((colours + 1) * 127.5, expected, atol=1e-4)
    counts = np.bincount(6 * rows + columns, minlength=24)  # every pixel as often as the others
    assert abs(counts - 1000 / 24).max() < 5 * np.sqrt(1000 / 24)
    again, _ = random_pixels(images, np.random.default_rng(1))
    np.testing.assert_array_equal(again, features)
