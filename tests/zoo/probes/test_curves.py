import numpy as np
import pytest

from zoo.probes import great_circle, line


def test_a_quarter_turn_goes_from_one_end_to_the_other_on_the_circle():
    x0, x1 = np.array([3.0, 0, 0]), np.array([0, 0, 3.0])
    arc = great_circle(x0, x1, 91)
    assert (arc.shape, arc.dtype) == ((91, 3), np.float32)
    np.testing.assert_allclose(arc[[0, 90]], [x0, x1], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(arc, axis=1), 3, rtol=1e-6)
    np.testing.assert_allclose(arc[30], [3 * np.cos(np.pi / 6), 0, 1.5], rtol=1e-6)


def test_a_whole_turn_is_closed():
    circle = great_circle([1.0, 0], [0, 1.0], 5, turns=1)
    np.testing.assert_allclose(circle, [[1, 0], [0, 1], [-1, 0], [0, -1], [1, 0]], atol=1e-6)


def test_a_line_between_images_has_equal_steps():
    images = np.zeros((2, 4, 4, 1)), np.ones((2, 4, 4, 1))
    way = line(*images, 5)
    assert way.shape == (5, 2, 4, 4, 1)
    np.testing.assert_allclose(way[:, 0, 0, 0, 0], [0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize("curve", [great_circle, line])
def test_bad_arguments_are_named(curve):
    for points in (1, 0, 2.5, None):
        with pytest.raises(ValueError, match="`points` must be"):
            curve([0.0], [1.0], points)
    with pytest.raises(ValueError, match="`x1` must have the shape of `x0`"):
        curve([0.0], [1.0, 2.0], 3)
    with pytest.raises(ValueError, match="`x0` must be finite"):
        curve([np.nan], [1.0], 3)
    with pytest.raises(ValueError, match="`x1` must be a number or an array of numbers"):
        curve([0.0], ["a"], 3)
    with pytest.raises(ValueError, match="`turns` must be"):
        great_circle([0.0], [1.0], 3, turns=float("inf"))
