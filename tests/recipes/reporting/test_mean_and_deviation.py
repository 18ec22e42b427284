"""Means and deviations as text against NumPy."""

import numpy as np
import pytest

from zoo.recipes.reporting.mean_and_deviation import deviation, with_deviation

pytestmark = pytest.mark.backend_free


@pytest.mark.parametrize("kind", [list, np.array])
@pytest.mark.parametrize("count", [2, 3, 50])
def test_the_deviation_is_numpys_of_a_sample(kind, count):
    numbers = kind(np.random.default_rng(count).normal(7, 3, count).tolist())
    assert deviation(numbers) == np.std(numbers, ddof=1)
    assert with_deviation(numbers) == f"{np.mean(numbers):.4g} ± {np.std(numbers, ddof=1):.2g}"
    assert with_deviation(numbers, ".2f", ".3f") == f"{np.mean(numbers):.2f} ± {np.std(numbers, ddof=1):.3f}"


def test_a_single_number_has_no_deviation():
    assert deviation([]) == deviation([3.0]) == deviation(np.array([3])) == 0
    assert with_deviation([2 / 3]) == "0.6667"
    assert with_deviation([2 / 3], ".1f") == "0.7"
    assert with_deviation([2, 2]) == "2 ± 0"
