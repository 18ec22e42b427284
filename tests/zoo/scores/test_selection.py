"""Risk and coverage against all orders of the rows, and closed forms."""

import itertools
import re

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from zoo import scores

pytestmark = pytest.mark.backend_free


def over_all_orders(confidence, correct):
    """Mean risk of the k most confident over every order of the rows, ties as they come."""
    risks = []
    for order in itertools.permutations(range(len(confidence))):
        ranked = sorted(order, key=lambda i: -confidence[i])
        risks.append([np.mean([not correct[i] for i in ranked[:k]]) for k in range(1, len(ranked) + 1)])
    return np.mean(risks, axis=0)


CASES = st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9]), st.booleans()), min_size=1, max_size=6)


@hypothesis.settings(deadline=None, max_examples=60, derandomize=True, database=None)
@hypothesis.given(CASES)
def test_ties_are_the_mean_over_all_orders(rows):
    confidence, correct = zip(*rows, strict=True)
    curve = scores.risk_coverage(confidence, correct)
    expected = over_all_orders(confidence, correct)
    np.testing.assert_allclose(curve.risk, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(curve.coverage, np.arange(1, len(rows) + 1) / len(rows), rtol=1e-15)
    area = scores.area_under_risk_coverage(confidence, correct)
    assert area == pytest.approx(expected.mean(), rel=1e-12, abs=1e-15)


@hypothesis.settings(deadline=None, max_examples=60, derandomize=True, database=None)
@hypothesis.given(st.data())
def test_the_order_of_the_rows_and_the_scale_of_confidence_do_not_matter(data):
    confidence = np.array(data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=30)))
    correct = np.array(data.draw(st.lists(st.booleans(), min_size=len(confidence), max_size=len(confidence))))
    order = data.draw(st.permutations(range(len(confidence))))
    found = scores.risk_coverage(confidence, correct)
    np.testing.assert_allclose(scores.risk_coverage(confidence[order], correct[order]), found, rtol=1e-12)
    np.testing.assert_allclose(scores.risk_coverage(np.exp(confidence / 3), correct), found, rtol=1e-12)
    assert ((found.risk >= 0) & (found.risk <= 1)).all()
    assert found.risk[-1] == pytest.approx((~correct).mean(), abs=1e-12)


def test_the_area_of_the_best_the_worst_and_no_confidence():
    """n right and m wrong answers: sums over ranks for the ends, the error rate where all confidences are equal."""
    n, m = 30, 12
    correct = np.repeat([True, False], [n, m])
    best = sum((k - n) / k for k in range(n + 1, n + m + 1)) / (n + m)
    worst = (m + sum(m / k for k in range(m + 1, n + m + 1))) / (n + m)
    ranks = np.arange(n + m)
    assert scores.area_under_risk_coverage(-ranks, correct) == pytest.approx(best, rel=1e-12)
    assert scores.area_under_risk_coverage(ranks, correct) == pytest.approx(worst, rel=1e-12)
    assert scores.area_under_risk_coverage(np.ones(n + m), correct) == pytest.approx(m / (n + m), rel=1e-12)


def test_shapes_and_kinds_of_answers():
    rng = np.random.default_rng(0)
    confidence, correct = rng.integers(0, 5, (4, 6)), rng.integers(0, 2, (4, 6))
    expected = scores.risk_coverage(confidence.reshape(-1), correct.reshape(-1) == 1)
    for same in (correct, correct == 1, correct.astype("float32"), correct.tolist()):
        np.testing.assert_array_equal(scores.risk_coverage(confidence, same), expected)


BAD = [
    ([0.5, np.nan], [1, 0], "`confidence` must be numbers. Received: confidence[1]=nan"),
    (["0.5", "0.6"], [1, 0], "`confidence` must be a number or an array of numbers"),
    ([], [], "`confidence` must not be empty"),
    ([0.5, 0.6], [1, 2], "`correct` must be bools, or 0 and 1. Received: correct[1]=2.0"),
    ([0.5, 0.6], [1, 0.5], "`correct` must be bools, or 0 and 1. Received: correct[1]=0.5"),
    ([0.5, 0.6], ["True", "False"], "`correct` must be a number or an array of numbers"),
    ([0.5, 0.6], [True], "`correct` must have the shape of `confidence`, (2,). Received: correct.shape=(1,)"),
]


@pytest.mark.parametrize(("confidence", "correct", "message"), BAD)
@pytest.mark.parametrize("score", [scores.risk_coverage, scores.area_under_risk_coverage])
def test_bad_input_is_refused_by_name(score, confidence, correct, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        score(confidence, correct)
