"""Evidence: bets that nobody can win, against enumeration, SciPy's closed form and exact probabilities of error."""

import itertools
import math

import numpy as np
import pytest
from scipy import special

from zoo.amplification.evidence import PRIOR, class_weight, lead_above, log_bets, log_evidence, log_wealth

pytestmark = pytest.mark.backend_free


def evidence(*arguments):
    return np.exp(log_evidence(*arguments))


def mixture(a, b):
    """Krichevsky's and Trofimov's mixture on the side of the leader."""
    logs = (a + b) * np.log(2) + special.betaln(a + 0.5, b + 0.5) - special.betaln(0.5, 0.5)
    return logs + np.log(2 * special.betainc(b + 0.5, a + 0.5, 0.5))


@pytest.mark.parametrize(("a", "b"), [(1, 0), (9, 0), (50, 20), (20, 50), (600, 400), (2.5, 1.25)])
def test_it_is_the_one_sided_mixture(a, b):
    assert float(log_evidence(np.array(a), np.array(b))) == pytest.approx(mixture(a, b), abs=1e-2)


@pytest.mark.parametrize("p", [0.5, 0.4, 0.1])
def test_mean_evidence_of_a_class_that_does_not_lead_is_at_most_one(p):
    for flips in (1, 5, 30):
        a = np.arange(flips + 1)
        mean = (special.binom(flips, a) * p**a * (1 - p) ** (flips - a) * evidence(a, flips - a)).sum()
        assert mean == pytest.approx(1, abs=1e-4) if p == 0.5 else mean < 1


@pytest.mark.parametrize("margin", [-0.5, -0.1, 0.2, 0.6])
def test_mean_evidence_at_the_true_lead_is_one(margin):
    flips, tie = 12, 0.3
    p, q = (0.7 + margin) / 2, (0.7 - margin) / 2
    outcomes = [(a, b) for a, b in itertools.product(range(flips + 1), repeat=2) if a + b <= flips]
    a, b = np.array(outcomes).T
    law = [math.comb(flips, i) * math.comb(flips - i, j) * p**i * q**j * tie ** (flips - i - j) for i, j in outcomes]
    assert (np.array(law) * evidence(a, b, np.full(a.shape, flips), margin)).sum() == pytest.approx(1, abs=1e-3)


def test_sums_of_shared_votes_say_no_more_than_every_flip():
    votes = np.random.default_rng(0).dirichlet([1, 0.5, 0.2], size=(20, 40))  # (examples, flips, classes)
    sums = votes.sum(axis=1)
    of_sums = log_evidence(sums[:, 0], sums[:, 1])
    of_flips = log_wealth(log_bets(votes[..., 0] - votes[..., 1]))
    assert (of_sums <= of_flips + 1e-3).all()
    whole = np.eye(3)[np.random.default_rng(0).integers(0, 3, (20, 40))]
    sums = whole.sum(axis=1)
    of_sums = log_evidence(sums[:, 0], sums[:, 1])
    np.testing.assert_allclose(of_sums, log_wealth(log_bets(whole[..., 0] - whole[..., 1])), atol=1e-3)


def test_unanimous_flips_that_certify():
    """Ten classes, one in a hundred: 14 by the uniform mixture, 12 by this one, 9 with the guess of coins off."""
    flips = np.arange(1, 20)
    logs = log_evidence(flips, 0 * flips)
    assert flips[(logs >= np.log(9 / 0.01)).argmax()] == 12
    assert flips[(logs >= -np.log(PRIOR * 0.01)).argmax()] == 9


def test_weights_sum_to_one_and_favour_the_guess():
    weights = class_weight(np.arange(4) == 2, 4)
    assert weights.sum() == pytest.approx(1)
    assert weights[2] == pytest.approx(0.9)


@pytest.mark.parametrize("guess", [0, 2], ids=["right", "wrong"])
@pytest.mark.parametrize("p", [(0.36, 0.34, 0.3), (0.34, 0.33, 0.33), (0.5, 0.49, 0.01), (0.7, 0.2, 0.1)])
def test_looking_after_every_flip_errs_as_seldom_as_promised(p, guess):
    """The exact probability, by all counts of 60 flips, that a class that is not the mode is certified."""
    error, flips = 0.2, 60
    thresholds = 1 / (error * class_weight(np.arange(3) == guess, 3))
    law, wrong, right = {(0, 0, 0): 1.0}, 0.0, 0.0
    for _ in range(flips):
        after: dict[tuple, float] = {}
        for counts, probability in law.items():
            for k in range(3):
                more = tuple(n + (k == i) for i, n in enumerate(counts))
                after[more] = after.get(more, 0) + probability * p[k]
        counts = np.array(list(after))
        ordered = np.sort(counts, axis=1)
        leader = counts.argmax(axis=1)
        certified = evidence(ordered[:, 2], ordered[:, 1]) >= thresholds[leader]
        mass = np.array(list(after.values()))
        right += mass[certified & (leader == 0)].sum()
        wrong += mass[certified & (leader != 0)].sum()
        law = {tuple(c): m for c, m in zip(counts[~certified].tolist(), mass[~certified], strict=True)}
    assert 0 < wrong <= error
    assert right > 0


def test_bounds_of_the_lead_are_where_the_evidence_is_what_is_asked_for():
    a, b, n = (np.array(one, "float64") for one in ([60, 10, 5, 400], [30, 12, 0, 398], [100, 30, 5, 1000]))
    low = lead_above(a, b, n, np.full(4, np.log(100)))
    assert (low < (a - b) / n).all()
    np.testing.assert_allclose(evidence(a, b, n, low), 100, rtol=1e-2)
