"""What every score of probabilities and labels keeps: shapes, sigmoid units, refusals, the order of the rows."""

import re

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis.extra import numpy as arrays

from zoo import scores

pytestmark = pytest.mark.backend_free

SCORES = {
    "accuracy": lambda p, y: scores.accuracy(p, y).accuracy,
    "brier": scores.brier,
    "expected_calibration_error": scores.expected_calibration_error,
    "negative_log_likelihood": lambda p, y: scores.negative_log_likelihood(p, y, floor=1e-9),
    "reliability": lambda p, y: np.concatenate(scores.reliability(p, y)),
}
BOUNDS = {"accuracy": 1, "brier": 2, "expected_calibration_error": 1, "negative_log_likelihood": -np.log(1e-9)}

each_score = pytest.mark.parametrize("name", SCORES)


def distributions(rng, *shape):
    p = rng.exponential(size=shape) ** 3
    return p / p.sum(axis=-1, keepdims=True)


@each_score
def test_pixels_and_steps_of_time_are_examples(name):
    rng = np.random.default_rng(0)
    p, y = distributions(rng, 5, 4, 3, 6), rng.integers(0, 6, (5, 4, 3))
    np.testing.assert_array_equal(SCORES[name](p, y), SCORES[name](p.reshape(60, 6), y.reshape(60)))


@each_score
@pytest.mark.parametrize("shape", [(40,), (40, 7)], ids=["one unit", "seven labels"])
def test_sigmoid_units_are_two_classes(name, shape):
    rng = np.random.default_rng(1)
    p, y = rng.uniform(size=shape), rng.integers(0, 2, shape)
    two = np.stack([1 - p, p], axis=-1)
    np.testing.assert_array_equal(SCORES[name](p, y), SCORES[name](two, y))
    np.testing.assert_array_equal(SCORES[name](p, y == 1), SCORES[name](two, y))


@each_score
def test_lists_and_small_floats_are_arrays(name):
    rng = np.random.default_rng(2)
    p, y = distributions(rng, 50, 4).astype("float32"), rng.integers(0, 4, 50).astype("uint8")
    expected = SCORES[name](p.astype("float64"), y.astype("int64"))
    np.testing.assert_array_equal(SCORES[name](p, y), expected)
    np.testing.assert_array_equal(SCORES[name](p.tolist(), y.tolist()), expected)


@each_score
def test_arguments_are_left_as_they_are(name):
    rng = np.random.default_rng(3)
    for p, y in ((distributions(rng, 20, 4), rng.integers(0, 4, 20)), (rng.uniform(size=20), rng.integers(0, 2, 20))):
        before = p.copy(), y.copy()
        SCORES[name](p, y)
        np.testing.assert_array_equal(p, before[0])
        np.testing.assert_array_equal(y, before[1])


@each_score
def test_rounding_beyond_the_ends_is_no_error(name):
    p, y = np.array([[1 + 2e-7, -1e-7], [0.5, 0.5]]), [0, 1]
    np.testing.assert_array_equal(SCORES[name](p, y), SCORES[name]([[1.0, 0.0], [0.5, 0.5]], y))


@st.composite
def predictions(draw):
    examples, classes = draw(st.integers(1, 30)), draw(st.integers(2, 5))
    votes = draw(arrays.arrays(int, (examples, classes), elements=st.integers(0, 4)))
    votes[np.arange(examples), draw(arrays.arrays(int, examples, elements=st.integers(0, classes - 1)))] += 1
    labels = draw(arrays.arrays(int, examples, elements=st.integers(0, classes - 1)))
    return votes / votes.sum(axis=1, keepdims=True), labels, draw(st.permutations(range(examples)))


@each_score
@hypothesis.settings(deadline=None, max_examples=60, derandomize=True, database=None)
@hypothesis.given(predictions())
def test_the_order_of_the_rows_does_not_matter_and_bounds_hold(name, drawn):
    p, y, order = drawn
    found = SCORES[name](p, y)
    np.testing.assert_allclose(SCORES[name](p[order], y[order]), found, rtol=1e-12, atol=1e-15)
    if name in BOUNDS:
        assert 0 <= found <= BOUNDS[name] + 1e-12
    surely_right = np.eye(p.shape[1])[y]
    if name != "reliability":
        assert SCORES[name](surely_right, y) == (1 if name == "accuracy" else 0)


P = [[0.9, 0.1], [0.2, 0.8]]
BAD = {
    "above 1": ([[0.9, 0.1], [1.5, -0.5]], [0, 1], "must be in [0, 1]. Received: probabilities[1, 0]=1.5"),
    "below 0": ([[0.6, 0.6, -0.2]], [1], "`probabilities` must be in [0, 1]. Received: probabilities[0, 2]=-0.2"),
    "a sigmoid above 1": ([0.5, 1.01], [0, 1], "`probabilities` must be in [0, 1]. Received: probabilities[1]=1.01"),
    "one number": (1.5, 1, "`probabilities` must be in [0, 1]. Received: probabilities=1.5"),
    "sum below 1": ([[0.5, 0.5], [0.2, 0.2]], [0, 1], "the last axis. Received: sum of probabilities[1]=0.4"),
    "sum above 1": ([[0.9, 0.9], [0.5, 0.5]], [0, 1], "the last axis. Received: sum of probabilities[0]=1.8"),
    "NaN": ([[0.9, 0.1], [np.nan, 0.5]], [0, 1], "`probabilities` must be numbers. Received: probabilities[1, 0]=nan"),
    "text": ([["0.9", "0.1"], ["0.2", "0.8"]], [0, 1], "`probabilities` must be a number or an array of numbers"),
    "text in objects": (np.array(["0.9", 0.1], object), [0, 1], "`probabilities` must be a number or an array"),
    "bytes": (np.array([b"0.9", b"0.1"]), [0, 1], "`probabilities` must be a number or an array of numbers"),
    "ragged": ([[0.9, 0.1], [1.0]], [0, 1], "`probabilities` must be a number or an array of numbers"),
    "None": (None, [0, 1], "`probabilities` must"),
    "empty": (np.zeros((0, 2)), [], "`probabilities` must not be empty. Received: probabilities of shape (0, 2)"),
    "labels too large": (P, [0, 2], "`labels` must be in [0, 2). Received: labels[1]=2"),
    "labels below 0": (P, [-1, 1], "`labels` must be in [0, 2). Received: labels[0]=-1"),
    "labels of a sigmoid": ([0.5, 0.5], [0, 2], "`labels` must be in [0, 2). Received: labels[1]=2"),
    "float labels": (P, [0.0, 1.0], "`labels` must be ints. Received: labels of dtype float64"),
    "NaN labels": (P, [0.0, np.nan], "`labels` must be ints"),
    "text labels": (P, ["0", "1"], "`labels` must be a number or an array of numbers. Received: labels=['0', '1']"),
    "bool labels of classes": (P, [False, True], "`labels` must be ints where `probabilities` are of classes"),
    "more labels": (P, [0, 1, 1], "Received: (3,) labels and (2, 2) probabilities"),
    "no labels": (P, [], "Received: (0,) labels and (2, 2) probabilities"),
    "a column of labels": (P, [[0], [1]], "`labels` must have the shape of `probabilities` without its last axis"),
    "one-hot labels": (P, [[1, 0], [0, 1]], "`labels` must be numbers of classes where"),
    "one class": ([[1.0], [1.0]], [0, 0], "`probabilities` must be of at least two classes"),
}  # fmt: skip


@each_score
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_by_name(name, case):
    probabilities, labels, message = BAD[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        SCORES[name](probabilities, labels)
