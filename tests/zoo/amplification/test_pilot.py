"""required_samples, against exact probabilities."""

import itertools
import math

import numpy as np
import pytest

import zoo

pytestmark = pytest.mark.backend_free


def wrong(p, flips):
    """Exact probability that the first of three classes does not have the most votes."""
    total = 0.0
    for a, b in itertools.product(range(flips + 1), repeat=2):
        c = flips - a - b
        if c >= 0 and a <= max(b, c):
            total += math.comb(flips, a) * math.comb(flips - a, b) * p[0] ** a * p[1] ** b * p[2] ** c
    return total


@pytest.mark.parametrize("votes", [(20, 0, 0), (14, 5, 1), (8, 1, 1)])
@pytest.mark.parametrize("error", [0.1, 0.01])
def test_so_many_flips_are_enough_and_not_many_times_too_many(votes, error):
    added = [0.5 if one else 0.5 / votes.count(0) for one in votes]
    p = (np.array(votes) + added) / (np.array(votes) + added).sum()
    needed = int(zoo.required_samples(votes, error))
    assert wrong(p, needed) <= error
    exact = next(n for n in itertools.count(1) if wrong(p, n) <= error)
    assert needed <= 3 * exact + 3


def test_shapes_and_ties():
    found = zoo.required_samples(np.ones((2, 5, 4)))
    assert found.shape == (2, 5)
    assert np.isinf(found).all()


@pytest.mark.parametrize(
    "votes", [[10.0000001, 10, 0], [1e8 + 1, 1e8], [1000.00006103515625, 1000], [4.2, 4.2 + 1e-15]]
)
def test_near_ties_end_in_a_number_that_is_enough_or_in_none(votes):
    found = float(zoo.required_samples(votes))
    assert found > 1e6
    assert found == np.inf or found < 2**53


def test_a_thousand_classes_that_nobody_voted_for_are_one_rival():
    assert zoo.required_samples([9] + [0] * 999)[()] < 3 * zoo.required_samples([9, 0])


@pytest.mark.parametrize("votes", [[], [1], [[-1, 2]], [[0, 0]], [[0.5, 0.4]], [[np.nan, 1]], "abc"], ids=str)
def test_bad_votes_are_named(votes):
    with pytest.raises(ValueError, match="`votes`"):
        zoo.required_samples(votes)


@pytest.mark.parametrize("error", [0, 1, None])
def test_bad_errors_are_named(error):
    with pytest.raises(ValueError, match="`error`"):
        zoo.required_samples([[3, 1]], error)


def test_shares_of_a_pilot_that_saw_all_classes_are_half_a_vote_more_each():
    """A lead of 12 to 8 of 20: the smallest n with (1 - (sqrt(p) - sqrt(1 - p))^2)^n <= 0.01, p = 12.5 / 21."""
    p = 12.5 / 21
    rate = -math.log(1 - (math.sqrt(p) - math.sqrt(1 - p)) ** 2)
    assert zoo.required_samples([12, 8], 0.01) == math.ceil(math.log(100) / rate)
