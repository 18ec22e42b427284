"""Calibration against loops over the bins as Guo et al. write them, and on sources that are honest or are not."""

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from zoo import scores

pytestmark = pytest.mark.backend_free


def by_loops(p, y, bins):
    """Bin m holds the examples with (m - 1) / M < confidence <= m / M."""
    confidence, correct = p.max(1), p.argmax(1) == y
    held = [(confidence > m / bins) & (confidence <= (m + 1) / bins) for m in range(bins)]
    error = sum(
        bin_.sum() / len(y) * abs(correct[bin_].mean() - confidence[bin_].mean()) for bin_ in held if bin_.any()
    )
    return [bin_.sum() for bin_ in held], error


@pytest.mark.parametrize("bins", [1, 2, 10, 15, 100])
@pytest.mark.parametrize("flips", [7, 25, 30, None], ids=lambda flips: f"{flips} flips" if flips else "continuous")
def test_bins_and_error_by_loops(bins, flips):
    rng = np.random.default_rng(0)
    q, y = rng.dirichlet(np.full(4, 0.4), 500), rng.integers(0, 4, 500)
    p = rng.multinomial(flips, q) / flips if flips else q
    counts, error = by_loops(p, y, bins)
    found = scores.reliability(p, y, bins)
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_allclose(found.edges, np.linspace(0, 1, bins + 1))
    assert scores.expected_calibration_error(p, y, bins) == pytest.approx(error, rel=1e-12)
    np.testing.assert_array_equal(np.isnan(found.accuracy), found.counts == 0)
    np.testing.assert_array_equal(np.isnan(found.confidence), found.counts == 0)


def test_bins_of_a_sigmoid_by_scikit_learn():
    """Its curve bins the probability of 1; where all are above 1/2 that is the top probability."""
    rng = np.random.default_rng(1)
    p = rng.uniform(0.5, 1, 300)
    y = (rng.uniform(size=300) < p**2).astype(int)
    share, mean = calibration_curve(y, p, n_bins=12)
    found = scores.reliability(p, y, bins=12)
    kept = found.counts > 0
    np.testing.assert_allclose(found.accuracy[kept], share, rtol=1e-12)
    np.testing.assert_allclose(found.confidence[kept], mean, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_share_of_votes_on_an_edge_is_below_it(dtype):
    """15, 10 and 20 of 25 votes are the edges 9, 6 and 12 of 15, although float32 rounds 0.6 up."""
    p = np.array([[15, 10, 0], [10, 8, 7], [20, 5, 0]], dtype) / np.asarray(25, dtype)
    assert np.flatnonzero(scores.reliability(p, [0, 0, 0], bins=15).counts).tolist() == [5, 8, 11]
    just_above = p + np.array([2e-6, -2e-6, 0])
    assert np.flatnonzero(scores.reliability(just_above.clip(0), [0, 0, 0], bins=15).counts).tolist() == [6, 9, 12]


def test_an_honest_source_has_no_error_but_sampling():
    """Each bin is off by at most five deviations of a mean of its Bernoulli variables."""
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.full(5, 0.5), 200_000)
    y = (rng.uniform(size=(len(p), 1)) > p.cumsum(1)).sum(1).clip(max=4)
    found = scores.reliability(p, y)
    kept = found.counts > 0
    assert (abs(found.accuracy - found.confidence)[kept] < 5 * 0.5 / np.sqrt(found.counts[kept])).all()
    assert scores.expected_calibration_error(p, y) < 0.005


def test_a_boaster_is_off_by_its_excess():
    """It says 0.9 and is right in 0.6 of the cases; one that says 0.5 too little errs by the same rule."""
    y = np.repeat([0, 1], [60, 40])
    assert scores.expected_calibration_error(np.tile([0.9, 0.1], (100, 1)), y) == pytest.approx(0.3)
    assert scores.expected_calibration_error(np.tile([0.55, 0.45], (100, 1)), y) == pytest.approx(0.05)


def test_errors_of_bins_do_not_cancel():
    p = np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10)
    y = [0] * 6 + [1] * 4 + [0] * 9 + [1]  # 0.6 where 0.9 was said, and the other way round
    assert scores.expected_calibration_error(p, y) == pytest.approx(0.3)
    assert scores.expected_calibration_error(p, y, bins=1) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("bins", [0, -1, 2.0, "15", True, None, math.nan])
@pytest.mark.parametrize("score", [scores.reliability, scores.expected_calibration_error])
def test_bins_out_of_range(score, bins):
    with pytest.raises(ValueError, match="`bins` must be a positive int"):
        score([[0.9, 0.1]], [0], bins)
