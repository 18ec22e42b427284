import itertools
import re
from functools import cache, partial

import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest

from zoo.layers import Amplify, MajorityVote

RNG = np.random.default_rng(0)


def vote(logits, samples, training=False, **kwargs):
    return keras.ops.convert_to_numpy(compiled(samples, training, **kwargs)(np.asarray(logits, "float32")))


@cache
def compiled(samples, training, **kwargs):
    call = partial(MajorityVote(samples, **kwargs), training=training)
    if keras.backend.backend() != "jax":
        return call
    import jax

    return jax.jit(call)  # else every operation is compiled by itself, for every shape


def softmax(logits, temperature=1.0):
    """In float64; `(..., classes)`."""
    e = np.exp(np.asarray(logits, "float64") / temperature)
    return e / e.sum(-1, keepdims=True)


def counted(flips):
    """Brute force: the histogram of `(samples, classes)` and the tied leaders."""
    histogram = np.zeros(len(flips[0]))
    for flip in flips:
        best = [c for c, logit in enumerate(flip) if logit == max(flip)]
        for c in best:
            histogram[c] += 1 / len(best) / len(flips)
    return histogram, np.flatnonzero(histogram > histogram.max() - 1e-9)


def test_one_training_step_descends_the_log_of_the_mean():
    """One SGD step on the bias against the gradient of -log mean_i softmax(o_i)[y], derived by hand."""
    logits, y = RNG.normal(size=(2, 3, 4)), [1, 3]
    inputs = keras.Input((12,))
    bias = keras.layers.Dense(12, kernel_initializer="identity")
    model = keras.Model(inputs, MajorityVote(3)(keras.layers.Reshape((4,))(Split()(bias(inputs)))))
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    loss = model.train_on_batch(logits.reshape(2, 12), np.array(y))

    q = softmax(logits)  # (examples, flips, classes)
    mean = np.array([q[i, :, c].mean() for i, c in enumerate(y)])
    np.testing.assert_allclose(loss, np.mean(-np.log(mean)), rtol=1e-5)
    gradient = np.zeros((3, 4))
    for i, c in enumerate(y):  # d p_y / d o_k = q_y (1[k = y] - q_k), per flip
        gradient += -(q[i, :, [c]].T * (np.eye(4)[c] - q[i])) / 3 / mean[i] / 2
    np.testing.assert_allclose(bias.get_weights()[1], -gradient.reshape(-1), atol=1e-5)


class Split(keras.layers.Layer):
    """(B, n * C) to (B * n, 1, C) for n = 3."""

    def call(self, inputs):
        return keras.ops.reshape(inputs, (-1, 1, 4))

    def compute_output_shape(self, input_shape):
        return (None, 1, 4)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize(("training", "kind"), [(True, "majority"), (True, "mean"), (False, "mean")])
def test_soft_vote_is_the_mean_of_softmax(training, kind, temperature):
    logits = RNG.normal(size=(4, 5, 3)) * 3
    out = vote(logits.reshape(20, 3), 5, training, vote=kind, temperature=temperature)
    np.testing.assert_allclose(out, softmax(logits, temperature).mean(1), atol=1e-6)


@pytest.mark.parametrize(("samples", "classes"), [(2, 4), (3, 3)])
def test_every_small_election(samples, classes):
    """All multisets of `samples` flips over three logit values: histogram by counting, tie by the soft vote."""
    ballots = list(itertools.product((0.0, 0.7, 1.6), repeat=classes))
    elections = list(itertools.combinations_with_replacement(ballots, samples))
    out = vote(np.reshape(elections, (-1, classes)), samples)
    decided = 0
    for flips, row in zip(elections, out, strict=True):
        histogram, leaders = counted(flips)
        np.testing.assert_allclose(row, histogram, atol=2e-6)
        soft = softmax(flips).mean(0)[leaders]
        winners = leaders[soft > soft.max() - 1e-6]
        assert row.argmax() in winners
        decided += len(leaders) > 1 == len(winners)
    assert decided > 0  # ties that only the soft vote tells apart did occur
    np.testing.assert_allclose(out.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_two_classes_are_counted_as_any_number_of_them(temperature):
    """Against a third class that nobody votes for; equal logits, classes ruled out and NaN among them."""
    flips = RNG.choice([-3.0, 0.0, 0.25, 2.0, -np.inf], size=(6, 50, 2))
    flips[np.isneginf(flips).all(axis=-1)] = 0.0
    flips[5, 7, 1] = np.nan
    third = np.concatenate([flips, np.full((6, 50, 1), -np.inf)], axis=-1)
    layer = MajorityVote(50, temperature=temperature)
    two, three = (
        [np.asarray(one) for one in layer.tally(keras.ops.convert_to_tensor(x, "float32"))] for x in (flips, third)
    )
    assert np.isnan(two[0][5]).all()
    assert np.isnan(two[1][5]).all()
    for ours, theirs in zip(two, three, strict=True):
        np.testing.assert_allclose(ours[:5], theirs[:5, :2], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(two[0][:5].sum(axis=1), 50)


@pytest.mark.parametrize("tied", [np.inf, -np.inf])
def test_infinite_logits_that_are_equal_split_the_vote_of_two_classes(tied):
    flips = keras.ops.convert_to_tensor([[[tied, tied], [0.0, 1.0]]], "float32")
    np.testing.assert_array_equal(np.asarray(MajorityVote(2).tally(flips)[0]), [[0.5, 1.5]])


def test_a_class_of_infinite_logit_has_no_soft_vote():
    soft = MajorityVote(2).tally(keras.ops.convert_to_tensor([[[np.inf, 0.0], [0.0, 0.0]]], "float32"))[1]
    assert np.isnan(keras.ops.convert_to_numpy(soft)).all()


@hypothesis.settings(deadline=None, max_examples=60, derandomize=True, database=None)
@hypothesis.given(
    st.lists(st.sampled_from([-2.0, -0.5, 0.0, 0.3, 1.0]), min_size=20, max_size=20), st.permutations(range(4))
)
def test_permuting_the_classes_permutes_the_vote(values, order):
    logits = np.reshape(values, (5, 4))
    _, leaders = counted(logits)
    soft = np.sort(softmax(logits).mean(0)[leaders])
    hypothesis.assume(len(soft) == 1 or soft[-1] - soft[-2] > 1e-6)
    np.testing.assert_allclose(vote(logits[:, order], 5), vote(logits, 5)[:, order], atol=1e-7)


def test_a_tie_goes_to_the_larger_soft_vote():
    # One vote each for classes 0 and 1; class 1 is surer of its flip.
    logits, orders = np.array([[1.0, 0.0, 0.0], [0.0, 3.0, 0.0]]), list(itertools.permutations(range(3)))
    out = vote(np.concatenate([logits[:, order] for order in orders]), 2)
    for row, order in zip(out, orders, strict=True):
        assert row.argmax() == order.index(1)
        np.testing.assert_allclose(row, np.array([0.5, 0.5, 0.0])[list(order)], atol=2e-6)


def test_a_tie_of_many_classes_goes_to_the_larger_soft_vote():
    # Soft votes near 1e-3 that differ by 5 parts in 1e5: far more than float32 rounds.
    logits = np.zeros((2, 2, 1000))
    for example, (sure, unsure) in enumerate([(3, 7), (7, 3)]):
        logits[example, 0, sure], logits[example, 1, unsure] = 2e-4, 1e-4
    np.testing.assert_array_equal(vote(logits.reshape(4, 1000), 2).argmax(1), [3, 7])


def test_equal_largest_logits_split_the_vote():
    logits = [[2.0, 2.0, 0.0], [0.0, 1.0, 1.0], [5.0, 1.0, 1.0]]
    np.testing.assert_allclose(vote(logits, 3), [[0.5, 1 / 3, 1 / 6]], atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_flip_of_nan_makes_no_vote(jit_compile):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, MajorityVote(2)(inputs))
    model.compile(jit_compile=jit_compile)
    y = model.predict(np.array([[np.nan, 1], [0, 1], [1, 0], [0, 1]], "float32"), verbose=0)
    np.testing.assert_array_equal(np.isnan(y), [[True, True], [False, False]])


def test_rows_of_one_example_are_contiguous():
    logits = np.eye(3)[[0, 0, 1, 1, 2, 1]]  # example 0 flips 0, 0, 1; example 1 flips 1, 2, 1
    np.testing.assert_allclose(vote(logits, 3), [[2 / 3, 1 / 3, 0], [0, 2 / 3, 1 / 3]], atol=1e-6)


@pytest.mark.parametrize("symbolic", [True, False])
def test_rows_must_be_a_multiple_of_samples(symbolic):
    logits = keras.Input(batch_shape=(7, 2)) if symbolic else np.zeros((7, 2), "float32")
    with pytest.raises(ValueError, match=r"`samples`=3.*rows=7"):
        MajorityVote(3)(logits)


def test_one_tensor_votes():
    with pytest.raises(ValueError, match=re.escape("takes (batch * samples, ..., classes). Received: ")):
        MajorityVote(3)([np.zeros((6, 2), "float32")] * 2)


def test_logits_must_have_classes():
    with pytest.raises(ValueError, match=re.escape("(None,)")):
        MajorityVote(3)(keras.Input(()))
    with pytest.raises(ValueError, match=re.escape("(None, 2, None)")):
        MajorityVote(3)(keras.Input((2, None)))


@pytest.mark.parametrize(
    ("argument", "value"),
    [("samples", value) for value in (0, -1, 1.5, True, None)]
    + [("vote", value) for value in ("expected", None, "Mean")]
    + [("temperature", value) for value in (0, -1.0, float("inf"), float("nan"), "hot", None)],
)
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {re.escape(f'{argument}={value!r}')}"):
        MajorityVote(**{"samples": 3, argument: value})


@pytest.mark.parametrize("batch", [None, 4])
def test_rows_of_an_example_are_counted_where_a_model_is_defined(batch):
    flips = keras.layers.Dense(2)(Amplify(6)(keras.Input((3,), batch_size=batch)))
    with pytest.raises(ValueError, match=rf"samples=4, where {batch or 7} examples become {6 * (batch or 7)} rows"):
        MajorityVote(4)(flips)
    assert MajorityVote(6)(flips).shape == (batch, 2)
    assert MajorityVote(4)(keras.Input((2,))).shape == (None, 2)  # rows of flips from elsewhere


def test_a_graph_of_2_to_the_60_ways_is_looked_at_once():
    x = Amplify(3)(keras.Input((2,)))
    for _ in range(60):
        x = keras.layers.Add()([x, keras.layers.Dense(2)(x)])
    assert MajorityVote(3)(x).shape == (None, 2)


def test_rows_are_counted_in_a_sequential_that_its_first_batch_builds():
    model = keras.Sequential([Amplify(3), MajorityVote(2)])
    with pytest.raises(ValueError, match="samples=2"):
        model(np.zeros((4, 2), "float32"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("vote", ["majority", "mean"])
def test_thousands_of_flips_are_counted_in_any_dtype(dtype, vote):
    """A float16 counts to 2,048 and no further: 60 % of 9,001 votes must stay 60 %."""
    flips = np.where(np.arange(9001)[:, None] % 5 < 3, [[9.0, 0.0]], [[0.0, 9.0]])
    shares = keras.ops.convert_to_numpy(MajorityVote(9001, vote, dtype=dtype)(flips)).astype("float64")
    np.testing.assert_allclose(shares, [[0.6, 0.4]], atol=0.005)
    sums = MajorityVote(1).tally(keras.ops.convert_to_tensor(flips[None], dtype=dtype))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(sums[0]), [[5401, 3600]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("classes", [2, 3, 10, 50])
def test_ties_go_to_the_soft_vote_in_any_dtype(dtype, classes):
    """One flip for each class, and one of them surer than the others: in example i the one for class i."""
    flips = np.eye(classes) * np.where(np.eye(classes) == 1, 4.0, 3.0)[..., None]
    elected = keras.ops.convert_to_numpy(MajorityVote(classes, dtype=dtype)(flips.reshape(-1, classes)))
    np.testing.assert_array_equal(elected.argmax(-1), np.arange(classes))
    np.testing.assert_allclose(elected.astype("float64"), np.full((classes, classes), 1 / classes), atol=0.02)


@pytest.mark.parametrize("options", [{}, {"vote": "mean"}, {"kind": "labels"}], ids=str)
def test_no_examples_have_no_votes(options):
    assert tuple(MajorityVote(3, **options)(np.zeros((0, 4), "float32")).shape) == (0, 4)
