import math

import numpy as np
import pytest

from zoo.layers.seeds import heads

pytestmark = pytest.mark.backend_free
SIZE = 2**22


@pytest.mark.parametrize("probability", [0.1, 1 / 3, 0.5, 1 / 512, 1 - 1 / 512])
def test_heads_come_with_their_probability(probability):
    """So many that a probability rounded to bytes would show."""
    found = heads(SIZE, probability, 1, 2)
    deviation = math.sqrt(probability * (1 - probability) / SIZE)
    assert abs(found.mean() - probability) < 5 * deviation
    together = (found[1:] & found[:-1]).mean()
    assert abs(together - probability**2) < 5 * 2 * probability * deviation + 5 / SIZE


def test_heads_are_sure_at_the_ends():
    assert not heads(1000, 0.0, 3).any()
    assert heads(1000, 1.0, 3).all()


def test_heads_depend_on_the_key_alone():
    first, same, other = heads(1001, 0.3, 1, 2), heads(1001, 0.3, 1, 2), heads(1001, 0.3, 1, 3)
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
