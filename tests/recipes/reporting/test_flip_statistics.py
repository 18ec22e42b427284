"""Margins and accuracies of flips against counting by hand and against the binomial law."""

import numpy as np
import pytest
from scipy.stats import binom

from zoo.recipes.reporting.flip_statistics import accuracy_by_flips, margins, vote_shares

pytestmark = pytest.mark.backend_free
FLIPS = np.array([[0, 0, 1, 2], [1, 1, 1, 1], [2, 2, 0, 0], [1, 2, 2, 2]])
LABELS = np.array([0, 1, 2, 1])


def test_margins_by_hand():
    np.testing.assert_allclose(vote_shares(FLIPS, 3)[0], [0.5, 0.25, 0.25])
    np.testing.assert_allclose(margins(FLIPS, LABELS, 3), [0.25, 1, 0, -0.5])


def test_a_deterministic_network_has_a_step():
    found = margins(np.array([[0], [1], [2]]), np.array([0, 1, 0]), 3)
    np.testing.assert_array_equal(found, [1, 1, -1])


def test_accuracies_by_hand():
    found = accuracy_by_flips(FLIPS, LABELS, 3, [1, 2], shuffles=400)
    assert found.accuracy[0] == pytest.approx((2 + 4 + 2 + 1) / 16)
    # Pairs without order: of (0, 0, 1, 2) one of 6 is two 0s and four are ties, and so on.
    pairs = [(1 + 4 / 2) / 6, 1, (1 + 4 / 2) / 6, (3 / 2) / 6]
    assert found.accuracy[1] == pytest.approx(np.mean(pairs), abs=0.02)


def test_accuracy_and_deviation_are_those_of_independent_coins():
    examples, samples, numbers = 400, 400, [1, 3, 15, 101]
    rng = np.random.default_rng(1)
    right = rng.uniform(0.3, 0.9, examples)
    flips = (rng.random((examples, samples)) > right[:, None]).astype(int)
    found = accuracy_by_flips(flips, np.zeros(examples, int), 2, numbers, shuffles=50, seed=2)
    for place, n in enumerate(numbers):
        wins = binom.sf(n // 2, n, right)
        assert found.accuracy[place] == pytest.approx(wins.mean(), abs=0.01)
        assert found.deviation[place] == pytest.approx(np.sqrt((wins * (1 - wins)).sum()) / examples, rel=0.25)


def test_coins_that_images_share_add_up():
    flips = np.random.default_rng(0).integers(0, 2, (1, 200)).repeat(50, axis=0)
    found = accuracy_by_flips(flips, np.zeros(50, int), 2, [1])
    assert found.deviation[0] == pytest.approx(0.5, abs=0.02)


def test_chunks_change_nothing(monkeypatch):
    whole = accuracy_by_flips(FLIPS, LABELS, 3, [1, 2], shuffles=5)
    monkeypatch.setattr("zoo.recipes.reporting.flip_statistics._CHUNK", 3)
    assert accuracy_by_flips(FLIPS, LABELS, 3, [1, 2], shuffles=5) == whole


@pytest.mark.parametrize("numbers", [[0], [3]])
def test_more_than_half_of_the_flips_is_refused(numbers):
    with pytest.raises(ValueError, match="`numbers` must be in \\[1, 2\\], half of the flips"):
        accuracy_by_flips(FLIPS, LABELS, 3, numbers)
