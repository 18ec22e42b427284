import numpy as np
import pytest

from zoo.probes import binarize


def test_pixels_above_the_threshold_are_one_and_all_others_minus_one():
    images = np.array([[[0, 25], [26, 255]], [[24, 25], [25.5, 3]]])
    found = binarize(images)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[-1, -1, 1, 1], [-1, -1, 1, -1]])
    np.testing.assert_array_equal(binarize(images, 200), [[-1, -1, -1, 1], [-1] * 4])


@pytest.mark.parametrize(
    ("images", "threshold", "message"),
    [
        (np.zeros(3), 25, "`images` must be"),
        (np.zeros((0, 2)), 25, "`images` must be"),
        (np.zeros((1, 2)), "a", "`threshold`"),
        ([["a"]], 25, "`images` must be a number or an array of numbers"),
        ([[np.nan]], 25, "`images` must be finite"),
    ],
)
def test_what_does_not_fit_is_named(images, threshold, message):
    with pytest.raises(ValueError, match=message):
        binarize(images, threshold)
