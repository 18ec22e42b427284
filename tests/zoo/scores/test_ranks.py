"""AUROC against scikit-learn, all pairs and a closed form."""

import math
import time
from statistics import NormalDist

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from zoo import scores

pytestmark = pytest.mark.backend_free

GROUP = st.lists(st.integers(-4, 4), min_size=1, max_size=12)


@hypothesis.settings(deadline=None, max_examples=100, derandomize=True, database=None)
@hypothesis.given(GROUP, GROUP)
def test_all_pairs_and_scikit_learn(inside, outside):
    pairs = np.mean([(b > a) + 0.5 * (b == a) for a in inside for b in outside])
    found = scores.auroc(inside, outside)
    assert found == pytest.approx(pairs, rel=1e-12, abs=1e-15)
    truth = [0] * len(inside) + [1] * len(outside)
    assert found == pytest.approx(roc_auc_score(truth, [*inside, *outside]), rel=1e-9, abs=1e-12)
    assert scores.auroc(outside, inside) == pytest.approx(1 - found)


def test_two_normal_laws():
    """P[N(d, 1) > N(0, 1)] is the normal law at d / sqrt 2; a mean of pairs varies less than 1 / (4 min(n, m))."""
    rng = np.random.default_rng(0)
    found = scores.auroc(rng.normal(size=(400, 500)), rng.normal(1.0, size=200_000))
    assert abs(found - NormalDist().cdf(1 / math.sqrt(2))) < 5 * 0.5 / math.sqrt(200_000)


def test_a_million_scores_take_no_million_million_pairs():
    started = time.monotonic()
    assert scores.auroc(np.arange(1_000_000), np.arange(1_000_000)) == 0.5
    assert time.monotonic() - started < 60


def test_infinite_scores_have_their_place():
    assert scores.auroc([0.0, -np.inf], [np.inf, np.inf]) == 1
    assert scores.auroc([np.inf], [np.inf, 1.0]) == 0.25


@pytest.mark.parametrize(
    ("bad", "message"),
    [([], "must not be empty"), ([np.nan], "must be numbers"), (["1"], "must be a number or an array")],
)
def test_bad_input_is_refused_by_name(bad, message):
    with pytest.raises(ValueError, match=f"`inside` {message}"):
        scores.auroc(bad, [1.0])
    with pytest.raises(ValueError, match=f"`outside` {message}"):
        scores.auroc([1.0], bad)
