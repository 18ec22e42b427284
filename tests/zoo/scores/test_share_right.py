"""Accuracy against scikit-learn, its interval against the roots of Wilson's equation."""

from statistics import NormalDist

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

import zoo
from zoo import scores

pytestmark = pytest.mark.backend_free


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_the_accuracy_and_its_interval(confidence):
    """At the ends p of the interval the found share lies z deviations of p away: (f - p)^2 = z^2 p (1 - p) / n."""
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(5), 80), rng.integers(0, 5, 80)
    found = scores.accuracy(p, y, confidence)
    assert found.accuracy == accuracy_score(y, p.argmax(1))
    assert (found.correct, found.n) == ((p.argmax(1) == y).sum(), 80)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = found.accuracy
    ends = np.roots([1 + z**2 / 80, -2 * share - z**2 / 80, share**2])
    np.testing.assert_allclose([found.low, found.high], sorted(ends), rtol=1e-9)


def test_the_first_of_equal_classes_counts():
    assert scores.accuracy([[0.4, 0.4, 0.2]] * 3, [0, 0, 1]).correct == 2
    assert scores.accuracy([0.5, 0.5, 0.5], [0, 0, 1]).correct == 2


def test_fields_are_those_of_random_accuracy():
    found = scores.accuracy([0.9, 0.8], [1, 0])
    assert found._fields == zoo.RandomAccuracy._fields
    assert found == zoo.RandomAccuracy(*found)


@pytest.mark.parametrize("confidence", [0, 1, -0.5, "0.95", None, float("nan")])
def test_confidence_out_of_range(confidence):
    with pytest.raises(ValueError, match=r"`confidence` must be in \(0, 1\)"):
        scores.accuracy([0.9, 0.8], [1, 0], confidence)
