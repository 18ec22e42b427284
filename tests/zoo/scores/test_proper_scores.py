"""Log loss and Brier's score against scikit-learn, and that honest probabilities win."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from zoo import scores

pytestmark = pytest.mark.backend_free


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.full(6, 0.3), 200), rng.integers(0, 6, 200)


def test_log_loss_of_classes_and_of_a_sigmoid(drawn):
    p, y = drawn
    assert scores.negative_log_likelihood(p, y) == pytest.approx(log_loss(y, p, labels=range(6)), rel=1e-12)
    sigmoid, two = p[:, 0], (y == 0).astype(int)
    assert scores.negative_log_likelihood(sigmoid, two) == pytest.approx(log_loss(two, sigmoid), rel=1e-12)


def test_brier_of_classes_and_of_a_sigmoid(drawn):
    """scikit-learn's score of two classes is half of Brier's."""
    p, y = drawn
    indicators = np.eye(6)[y]
    ours = sum(brier_score_loss(indicators[:, k].astype(int), p[:, k], pos_label=1) for k in range(6))
    assert scores.brier(p, y) == pytest.approx(ours, rel=1e-12)
    two = (y == 0).astype(int)
    assert scores.brier(p[:, 0], two) == pytest.approx(2 * brier_score_loss(two, p[:, 0]), rel=1e-12)


def test_several_labels_are_the_mean_of_each(drawn):
    rng = np.random.default_rng(3)
    p, y = rng.uniform(size=(50, 4)), rng.integers(0, 2, (50, 4))
    for score in (scores.negative_log_likelihood, scores.brier):
        assert score(p, y) == pytest.approx(np.mean([score(p[:, k], y[:, k]) for k in range(4)]), rel=1e-12)


def test_a_label_of_probability_zero():
    votes = [[1.0, 0.0], [0.75, 0.25]]
    assert scores.negative_log_likelihood(votes, [1, 1]) == np.inf
    assert scores.negative_log_likelihood(votes, [0, 1]) == pytest.approx(np.log(4) / 2)
    assert scores.negative_log_likelihood(votes, [1, 1], floor=0.01) == pytest.approx((np.log(100) + np.log(4)) / 2)
    assert scores.negative_log_likelihood(votes, [1, 1], floor=0.5) == pytest.approx(np.log(2))
    assert str(scores.negative_log_likelihood([[1.0, 0.0]], [0])) == "0.0"


@pytest.mark.parametrize("floor", [0, 1, -0.1, "0.1", float("nan"), True])
def test_floor_out_of_range(floor):
    with pytest.raises(ValueError, match=r"`floor` must be None or in \(0, 1\)"):
        scores.negative_log_likelihood([0.5], [1], floor)


def test_the_ends_of_brier():
    assert scores.brier([[1.0, 0.0, 0.0]], [2]) == 2
    assert scores.brier([[1.0, 0.0, 0.0]], [0]) == 0
    assert scores.brier([[1 / 3] * 3], [1]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("score", [scores.negative_log_likelihood, scores.brier])
def test_both_are_proper(score):
    """Labels in exact proportion to q: no other distribution of a grid scores as well as q."""
    q = np.array([2, 3, 5])
    y = np.repeat(range(3), q)
    grid = [(i / 10, j / 10, (10 - i - j) / 10) for i in range(1, 9) for j in range(1, 10 - i)]
    values = {p: score(np.tile(p, (10, 1)), y) for p in grid}
    assert min(values, key=values.get) == (0.2, 0.3, 0.5)
