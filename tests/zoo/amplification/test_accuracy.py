"""Amplified use, against a network so small that the law of its vote is a sum over four dropout masks."""

import itertools
import re
from statistics import NormalDist

import keras
import numpy as np
import pytest
from few_on_jax import few_on_jax
from keras import ops

import zoo
from zoo.amplification.coin_graph import coin_graph
from zoo.layers import Amplify, CoinFlipDropout, MajorityVote

RATE, TEMPERATURE = 0.4, 2.0
# For (1, 1) each vote has its own winner: majority 1 (a small margin, often), mean 2 (sure, seldom), expected 0.
KERNEL = np.array([[0.0, 0.0, 3.5], [3.0, 4.0, -1.0]])
BIAS = np.array([0.7, -0.75, 1.0])
X = np.array([[1, 1], [-1, 1], [1, -1], [0.5, 2], [-2, 0.25]], "float32")


def network(samples=3, seed=0, rate=RATE, flip_at_inference=True, temperature=TEMPERATURE, dtype=None, extra=()):
    inputs = keras.Input((2,))
    x = CoinFlipDropout(rate, flip_at_inference, seed=seed)(Amplify(samples)(inputs))
    for layer in extra:
        x = layer(x)
    dense = keras.layers.Dense(3, name="logits", dtype=dtype)
    model = keras.Model(inputs, MajorityVote(samples, temperature=temperature)(dense(x)))
    dense.set_weights([KERNEL, BIAS])
    return model


def softmax(logits):
    e = np.exp(logits / TEMPERATURE)
    return e / e.sum(-1, keepdims=True)


def law(x=X, kernel=KERNEL, bias=BIAS, rate=RATE):
    """`(masks,)` probabilities, and `(examples, masks, classes)` votes and soft votes of a flip."""
    masks = np.array(list(itertools.product((0, 1), repeat=2)))
    logits = (x[:, None] * masks / (1 - rate)).astype("float64") @ kernel + bias
    assert (np.diff(np.sort(logits, -1)[..., -2:]) > 1e-3).all()  # no flip is tied
    return np.prod(np.where(masks, 1 - rate, rate), axis=1), np.eye(3)[logits.argmax(-1)], softmax(logits)


def check(estimate, probabilities, values, flips):
    """`estimate` (examples, classes), a mean over independent flips, lies within 5 sigma of its expectation."""
    mean = np.einsum("m,emc->ec", probabilities, values)
    sigma = np.sqrt(np.einsum("m,emc->ec", probabilities, (values - mean[:, None]) ** 2) / flips)
    assert (np.abs(estimate - mean) <= 5 * sigma + 1e-4).all()  # a float32 sum of thousands


def frequencies(flips):
    return (flips[..., None] == np.arange(3)).mean(1)


# --- the law of the vote, however it is computed ---


@pytest.mark.parametrize(
    ("vote", "chunk"),  # one fold, chunks that do not divide, flip by flip
    [("majority", 2000), ("majority", 700), ("majority", 1), ("mean", 64)],
)
def test_predicted_vote_follows_the_law(vote, chunk):
    model = zoo.amplify(network(), 2000, vote, chunk=chunk)
    y = model.predict(X, batch_size=3, verbose=0)
    probabilities, votes, soft = law()
    check(y, probabilities, votes if vote == "majority" else soft, 2000)
    np.testing.assert_allclose(y.sum(1), 1, atol=1e-4)


@pytest.mark.parametrize("chunk", [2000, 700])
def test_flips_follow_the_law(chunk):
    flips = zoo.flips(network(), X, 2000, batch_size=3, chunk=chunk)  # the last batch is padded
    assert flips.shape == (5, 2000)
    assert flips.dtype == np.int64
    probabilities, votes, _ = law()
    check(frequencies(flips), probabilities, votes, 2000)


@pytest.mark.parametrize(
    ("samples", "chunk", "examples", "batch_size"),
    [(2, 1, 4000, 1000), (3, 2, 400, 1)],  # batches of one: the smaller last chunk would repeat the first one's rows
)
def test_chunks_draw_their_own_coins(samples, chunk, examples, batch_size):
    """The share of unanimous votes is sum p^samples; chunks that drew alike would agree more often."""
    x = np.repeat(X[:1], examples, axis=0)
    probabilities, votes, _ = law(X[:1])
    unanimous = np.sum((probabilities @ votes[0]) ** samples)
    sigma = np.sqrt(unanimous * (1 - unanimous) / len(x))
    y = zoo.amplify(network(), samples, chunk=chunk).predict(x, batch_size=batch_size, verbose=0)
    assert abs((y.max(1) > 1 - 1e-3).mean() - unanimous) < 5 * sigma
    flips = zoo.flips(network(), x, samples, batch_size=1000, chunk=chunk)
    assert abs((flips == flips[:, :1]).all(1).mean() - unanimous) < 5 * sigma


def test_coins_go_on_and_start_from_the_seed():
    model, same, other = (zoo.amplify(network(seed=seed), 40, chunk=7) for seed in (1, 1, 2))
    first, second = model.predict(X, verbose=0), model.predict(X, verbose=0)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(same.predict(X, verbose=0), first)
    np.testing.assert_array_equal(same.predict(X, verbose=0), second)
    assert not np.array_equal(other.predict(X, verbose=0), first)


def test_flips_go_on_and_start_from_the_seed():
    model, same = network(seed=1), network(seed=1)
    first = zoo.flips(model, X, 40)
    np.testing.assert_array_equal(zoo.flips(same, X, 40), first)
    assert not np.array_equal(zoo.flips(model, X, 40), first)


def test_new_weights_are_seen():
    model = network()
    amplified = zoo.amplify(model, 1000, chunk=300)
    amplified.predict(X, verbose=0)
    zoo.flips(model, X, 3)
    kernel, bias = -KERNEL[:, ::-1] + [[0.5, 0, 0], [0, 0, 1]], BIAS[::-1]
    model.get_layer("logits").set_weights([kernel, bias])
    probabilities, votes, _ = law(kernel=kernel, bias=bias)
    check(amplified.predict(X, verbose=0), probabilities, votes, 1000)
    check(frequencies(zoo.flips(model, X, 1000)), probabilities, votes, 1000)


# --- amplify ---


@pytest.mark.parametrize("flip_at_inference", [True, False])
@pytest.mark.parametrize("vote", ["majority", "mean", "expected"])
def test_every_variable_is_shared(flip_at_inference, vote):
    model = network(flip_at_inference=flip_at_inference)
    amplified = zoo.amplify(model, 1 if vote == "expected" else 9, vote)
    assert [id(v) for v in amplified.weights] == [id(v) for v in model.weights]
    assert {id(v) for v in amplified.variables} == {id(v) for v in model.variables}


def test_the_model_is_left_as_it_is():
    model, same = network(seed=1), network(seed=1)
    config = model.get_config()
    amplified = zoo.amplify(model, 50, "mean", chunk=8)
    assert model.get_config() == config
    np.testing.assert_array_equal(model.predict(X, verbose=0), same.predict(X, verbose=0))
    # One stream of coins: what the amplified model draws, the model does not draw again.
    following = same.predict(X, verbose=0)
    amplified.predict(X, verbose=0)
    assert not np.array_equal(model.predict(X, verbose=0), following)


@pytest.mark.parametrize("train", few_on_jax(["cfnn", "dropout"], "cfnn"))
def test_every_cell_of_the_grid(train):
    """Table 3: trained by one flip (ordinary dropout) or by n, tested with coins off, by the mean, by majority."""
    samples = 5 if train == "cfnn" else 1
    model = network(samples, flip_at_inference=train == "cfnn")
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    model.train_on_batch(X, np.arange(5) % 3)
    kernel, bias = model.get_layer("logits").get_weights()
    assert not np.array_equal(kernel, KERNEL.astype("float32"))

    expected = zoo.amplify(model, 1, "expected").predict(X, verbose=0)
    np.testing.assert_allclose(expected, softmax(X.astype("float64") @ kernel + bias), atol=1e-6)
    probabilities, votes, soft = law(kernel=kernel, bias=bias)
    for vote, values in (("mean", soft), ("majority", votes)):
        check(zoo.amplify(model, 1000, vote, chunk=300).predict(X, verbose=0), probabilities, values, 1000)


def test_training_an_amplified_model_folds_every_flip():
    """Rate 0: the loss is the cross-entropy of the plain softmax, whatever `samples` and `chunk`."""
    model = zoo.amplify(network(rate=0.0), 7, chunk=2)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    y = np.arange(5) % 3
    expected = -np.log(softmax(X.astype("float64") @ KERNEL + BIAS)[np.arange(5), y]).mean()
    np.testing.assert_allclose(model.train_on_batch(X, y), expected, rtol=1e-5)
    assert not np.array_equal(model.get_layer("logits").get_weights()[1], BIAS.astype("float32"))


@pytest.mark.on_tensorflow
def test_amplify_of_amplify():
    once = zoo.amplify(network(), 1, "expected")
    twice = zoo.amplify(once, 1000, chunk=300)
    probabilities, votes, _ = law()
    check(twice.predict(X, verbose=0), probabilities, votes, 1000)
    again = zoo.amplify(zoo.amplify(twice, 3, chunk=2), 1, "expected")
    np.testing.assert_allclose(again.predict(X, verbose=0), softmax(X @ KERNEL + BIAS), atol=1e-6)


def test_keras_file_keeps_the_amplification(tmp_path):
    model = zoo.amplify(network(), 20, "mean", chunk=7)
    model.predict(X, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert (type(copy), copy.chunk) == (type(model), 7)
    np.testing.assert_array_equal(copy.predict(X, verbose=0), model.predict(X, verbose=0))


def test_amplified_model_is_called_eagerly_and_nested():
    model = zoo.amplify(network(), 500, chunk=200)
    probabilities, votes, _ = law()
    check(keras.ops.convert_to_numpy(model(X)), probabilities, votes, 500)
    inputs = keras.Input((2,))
    outer = keras.Model(inputs, model(inputs))
    assert outer.output_shape == (None, 3)
    check(outer.predict(X, verbose=0), probabilities, votes, 500)


@pytest.mark.on_tensorflow
def test_amplified_model_is_compiled_like_the_model():
    model, y = network(rate=0.0), np.array([2, 1, 2, 1, 0])
    assert not zoo.amplify(model, 4).compiled
    model.compile(keras.optimizers.SGD(0.125), "sparse_categorical_crossentropy", metrics=["accuracy"])
    amplified = zoo.amplify(model, 4, "mean")
    assert float(keras.ops.convert_to_numpy(amplified.optimizer.learning_rate)) == 0.125
    loss, accuracy = amplified.evaluate(X, y, verbose=0)
    p = softmax(X.astype("float64") @ KERNEL + BIAS)
    np.testing.assert_allclose(loss, -np.log(p[np.arange(5), y]).mean(), rtol=1e-5)
    np.testing.assert_allclose(accuracy, (p.argmax(1) == y).mean(), rtol=1e-6)


class Above(keras.metrics.MeanMetricWrapper):
    """Share of the examples whose label has more than `bar`; its configuration does not say how much."""

    def __init__(self, bar=0.5, name="above", **kwargs):
        super().__init__(lambda y, p: ops.cast(ops.max(p, axis=-1) > bar, "float32"), name=name, **kwargs)


@pytest.mark.on_tensorflow
def test_an_evaluation_within_training_leaves_the_training_s_metrics_alone():
    model, y = network(rate=0.0), np.array([2, 1, 2, 1, 0])
    right, above = keras.metrics.SparseCategoricalAccuracy(name="right"), Above(0.9999)
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy", metrics=[right, above])
    model.train_on_batch(X[:2], y[:2])
    before = right.result()
    found = zoo.amplify(model, 4).evaluate(X, y, verbose=0, return_dict=True)
    assert right.result() == before
    assert float(found["right"]) != float(before)
    assert found["above"] == 1  # of the five votes, which all flips share, and nothing of what training saw


@pytest.mark.on_tensorflow
def test_a_loss_of_ones_own_is_kept():
    def loss(y, p):
        return keras.ops.mean(keras.ops.square(p - 2.0), axis=-1)

    model = network(1, rate=0.0, flip_at_inference=False)
    model.compile("sgd", loss)
    assert zoo.flips(model, X, 2).shape == (5, 2)
    value = zoo.amplify(model, 4, "mean").evaluate(X, np.zeros(5), verbose=0)
    np.testing.assert_allclose(value, np.mean((softmax(X @ KERNEL + BIAS) - 2) ** 2), rtol=1e-5)


# --- memory ---


class Rows(keras.layers.Layer):
    """Notes the number of rows of each of its eager calls or traces."""

    seen: list = []  # noqa: RUF012

    def call(self, inputs):
        Rows.seen.append(inputs.shape[0])
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.fixture
def rows():
    """TensorFlow runs eagerly, so that every shape is known as it is on JAX."""
    tensorflow = keras.backend.backend() == "tensorflow"
    if tensorflow:
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
    Rows.seen.clear()
    yield Rows.seen
    if tensorflow:
        tf.config.run_functions_eagerly(False)


@pytest.mark.on_tensorflow
@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
def test_as_many_flips_are_evaluated_at_once_as_fit_the_caches():
    """By the numbers in a tensor, on TensorFlow; blocks of flips from a seed stay what they were."""
    small = coin_graph(zoo.build("ball_cfnn", dim=3))  # two numbers a row: mean and deviation, then logits
    middle, large = (coin_graph(zoo.build("resnet20_cfnn", depth=8, input_shape=(n, n, 1))) for n in (8, 32))
    on_tensorflow = keras.backend.backend() == "tensorflow"
    assert small.flips_at_once(32) == (2**18 // 2 // 32 if on_tensorflow else 25)
    assert middle.flips_at_once(32) == 25
    assert [large.flips_at_once(n) for n in (1, 32)] == ([128, 4] if on_tensorflow else [800, 25])
    assert [graph.flips_in_block(32) for graph in (small, middle, large)] == [25, 25, 25]


@pytest.mark.on_tensorflow
@pytest.mark.filterwarnings("ignore:Even though the .*run_functions_eagerly")
@pytest.mark.parametrize(("samples", "chunk"), [(10, 4), (3, 5)])
def test_no_more_rows_than_batch_times_chunk(rows, samples, chunk):
    model = network(extra=[Rows()])
    amplified = zoo.amplify(model, samples, chunk=chunk)
    rows.clear()  # building the graph is no evaluation
    amplified.predict(X[:4], batch_size=2, verbose=0)
    assert 2 * min(samples, chunk) == max(rows)
    rows.clear()
    zoo.flips(model, X, samples, batch_size=2, chunk=chunk)
    assert 2 <= max(rows) <= 2 * min(samples, chunk)


# --- flips ---


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(("batch_size", "samples", "chunk"), [(2, 5, 2), (5, 1, 3), (64, 4, 4), (1, 3, 25)])
def test_flips_without_randomness_are_the_classes(batch_size, samples, chunk):
    """Rate 0: every flip of an example is its class; the padding of the last batch is nobody's."""
    flips = zoo.flips(network(rate=0.0), X, samples, batch_size=batch_size, chunk=chunk)
    classes = (X.astype("float64") @ KERNEL + BIAS).argmax(1)
    assert len(set(classes)) == 3
    np.testing.assert_array_equal(flips, np.tile(classes[:, None], samples))


def test_flips_turn_the_coins_on():
    probabilities, votes, _ = law()
    for model in (network(1, flip_at_inference=False), zoo.amplify(network(), 1, "expected")):
        check(frequencies(zoo.flips(model, X, 1000)), probabilities, votes, 1000)
        np.testing.assert_allclose(model.predict(X, verbose=0).sum(1), 1, atol=1e-5)


@pytest.mark.on_tensorflow
def test_flips_take_integers_and_lists():
    votes = zoo.flips(network(rate=0.0), [[1, 1], [0, 3]], 2)
    np.testing.assert_array_equal(votes, [[0, 0], [1, 1]])
    np.testing.assert_array_equal(zoo.flips(network(rate=0.0), np.array([[1, 1], [0, 3]], "uint8"), 2), votes)


# --- random_accuracy ---


def brute_vote(flips):
    """The class with the most votes of each row; an odd number of flips over two classes is never tied."""
    counts = np.array([[np.sum(row == c) for c in range(3)] for row in flips])
    assert (np.sort(counts, 1)[:, 2] > np.sort(counts, 1)[:, 1]).all()
    return counts.argmax(1)


def wilson(correct, n, confidence):
    z, p = NormalDist().inv_cdf(0.5 + confidence / 2), correct / n
    centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


X60 = np.repeat(X[[0, 3, 4]], 20, axis=0)  # the flips of each of these take two classes
Y60 = np.tile([1, 2, 0], 20)


@pytest.mark.on_tensorflow
def test_random_accuracy_counts_the_votes_of_the_first_flips():
    """The same seed draws the same flips, so that they can be counted by hand."""
    first = 61, 1, 9
    how = {"batch_size": 25, "chunk": 9}
    flips = zoo.flips(network(seed=3), X60, 61, **how)
    one = zoo.random_accuracy(network(seed=3), X60, Y60[:, None], 61, **how)
    several = zoo.random_accuracy(network(seed=3), X60, Y60, first, confidence=0.5, **how)
    correct = [int(np.sum(brute_vote(flips[:, :n]) == Y60)) for n in first]
    assert len(set(correct)) == 3
    assert [(r.correct, r.n, r.accuracy) for r in several] == [(c, 60, c / 60) for c in correct]
    for result, c in zip(several, correct, strict=True):
        np.testing.assert_allclose((result.low, result.high), wilson(c, 60, 0.5), rtol=1e-9)
    assert one.correct == correct[0]
    np.testing.assert_allclose((one.low, one.high), wilson(correct[0], 60, 0.95), rtol=1e-9)


@pytest.mark.on_tensorflow
def test_wilson_interval_of_none_and_of_all():
    model, y = network(rate=0.0), (X60.astype("float64") @ KERNEL + BIAS).argmax(1)
    for labels, correct in ((y + 1, 0), (y, 60)):
        result = zoo.random_accuracy(model, X60, labels, 1)
        assert result.correct == correct
        np.testing.assert_allclose(result[1:3], wilson(correct, 60, 0.95), atol=1e-9)


@pytest.mark.parametrize(("vote", "winner"), [("majority", 1), ("mean", 2), ("expected", 0)])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_each_vote_has_its_winner(vote, winner, dtype):
    """Sums over thousands of flips must not be kept in the 8 bits of bfloat16."""
    x = np.repeat(X[:1], 4, axis=0)
    model = network(dtype=dtype)
    results = zoo.random_accuracy(model, x, [winner] * 4, [2000, 3000], vote, chunk=1000)
    assert [r.correct for r in results] == [4, 4]


@pytest.mark.on_tensorflow
def test_a_low_temperature_makes_every_flip_sure():
    """The mean then counts votes: its winner for (1, 1) is the majority's."""
    result = zoo.random_accuracy(network(temperature=0.1), np.repeat(X[:1], 4, axis=0), [1] * 4, 2000, "mean")
    assert result.correct == 4


def test_a_tie_goes_to_the_surer_flips():
    """Two flips, one for each of two classes: as likely as not, and then the soft vote decides."""
    probabilities, votes, soft = law(X[:1])
    surer = 0.0  # probability that class 2 wins: both flips vote for it, or one does and the soft vote is its
    for a, b in itertools.product(range(4), repeat=2):
        count, mean = votes[0, a] + votes[0, b], soft[0, a] + soft[0, b]
        surer += probabilities[a] * probabilities[b] * ((count == count.max()) * mean).argmax().__eq__(2)
    x = np.repeat(X[:1], 4000, axis=0)
    result = zoo.random_accuracy(network(), x, np.full(4000, 2), 2, batch_size=1000)
    assert abs(result.accuracy - surer) < 5 * np.sqrt(surer * (1 - surer) / 4000)


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_chunks_break_ties_in_any_dtype(dtype):
    """Four flips, two for each class, never leave two classes with equal shares."""
    inputs = keras.Input((2,))
    flipped = CoinFlipDropout(0.5, seed=1)(Amplify(4)(inputs))
    dense = keras.layers.Dense(2)
    model = keras.Model(inputs, MajorityVote(4, dtype=dtype)(dense(flipped)))
    dense.set_weights([np.eye(2), np.array([0.0, 0.1])])
    found = zoo.amplify(model, 4, chunk=1).predict(np.tile([[1.0, 1.5]], (200, 1)), verbose=0).astype("float64")
    assert (np.abs(found - 0.5) < 0.1).all(axis=1).sum() > 20  # ties, about a quarter
    assert (found[:, 0] != found[:, 1]).all()


# --- refusals ---


def plain():
    inputs = keras.Input((2,))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs), name="plain")


NAN = np.array([[np.nan, 1]], "float32")


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: zoo.amplify(m, 0), "`samples` must .*samples=0"),
        (lambda m: zoo.amplify(m, 2.0), "`samples` must .*samples=2.0"),
        (lambda m: zoo.amplify(m, 2, "median"), "`vote` must .*'majority', 'mean', 'expected'.*vote='median'"),
        (lambda m: zoo.amplify(m, 2, "expected"), "`samples` must be 1 .*samples=2"),
        (lambda m: zoo.amplify(m, 2, chunk=0), "`chunk` must .*chunk=0"),
        (lambda m: zoo.amplify(plain(), 2), "`model` must .*MajorityVote.*'plain'"),
        (lambda m: zoo.amplify(keras.Sequential([keras.layers.Dense(1)], name="s"), 2), "`model` must .*'s'"),
        (lambda m: zoo.flips(m, X, 0), "`samples` must .*samples=0"),
        (lambda m: zoo.flips(m, X, 2, chunk=0), "`chunk` must .*chunk=0"),
        (lambda m: zoo.flips(m, X, 2, batch_size=0), "`batch_size` must .*batch_size=0"),
        (lambda m: zoo.flips(m, X[:0], 2), r"`x` must .*\(0, 2\)"),
        (lambda m: zoo.flips(m, NAN, 2), "`x` must be finite.* 1 value"),
        (lambda m: zoo.flips(m, -np.inf * np.ones((1, 2)), 2), "`x` must be finite.* 2 values"),
        (lambda m: zoo.flips(plain(), X, 2), "`model` must .*'plain'"),
        (lambda m: zoo.random_accuracy(m, X, [1] * 5, 0), "`samples` must .*samples=0"),
        (lambda m: zoo.random_accuracy(m, X, [1] * 5, [3, -1]), "`samples` must .*samples=-1"),
        (lambda m: zoo.random_accuracy(m, X, [1] * 5, []), "`samples` must "),
        (lambda m: zoo.random_accuracy(m, X, [1] * 5, 2.5), "`samples` must .*2.5"),
        (lambda m: zoo.random_accuracy(m, X, [1] * 5, 2, "median"), "`vote` must .*vote='median'"),
        (lambda m: zoo.random_accuracy(m, X, [1] * 4, 2), "`y` must .*5 examples and 4 labels"),
        (lambda m: zoo.random_accuracy(m, X, [1] * 5, 2, confidence=1.0), "`confidence` must .*confidence=1.0"),
        (lambda m: zoo.random_accuracy(m, X, [1] * 5, 2, confidence="95 %"), "`confidence` must .*confidence='95 %'"),
        (lambda m: zoo.random_accuracy(m, X, [1] * 5, 2, batch_size=0), "`batch_size` must .*batch_size=0"),
        (lambda m: zoo.random_accuracy(m, X, [1] * 5, 2, chunk=-1), "`chunk` must .*chunk=-1"),
        (lambda m: zoo.random_accuracy(m, NAN, [1], 2), "`x` must be finite"),
        (lambda m: zoo.random_accuracy(m, NAN, [1], 1, "expected"), "`x` must be finite"),
        (lambda m: zoo.random_accuracy(m, X[:0], [], 2), "`x` must "),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        call(network())


@pytest.mark.on_tensorflow
def test_a_sequential_model_is_amplified():
    dense = keras.layers.Dense(2, bias_initializer=keras.initializers.RandomNormal(seed=2))  # no ties at 0
    layers = [keras.Input((4,)), Amplify(3), CoinFlipDropout(0.5, seed=1), dense, MajorityVote(3)]
    model = keras.Sequential(layers)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    assert zoo.flips(model, x, 7).shape == (5, 7)
    counts = zoo.amplify(model, 41).predict(x, verbose=0) * 41  # odd: no ties
    np.testing.assert_allclose(counts, np.rint(counts), atol=0.01)
    kernel, bias = model.layers[2].get_weights()
    logits = x @ kernel + bias
    np.testing.assert_allclose(
        zoo.amplify(model, 1, "expected").predict(x, verbose=0),
        np.exp(logits) / np.exp(logits).sum(1, keepdims=True),
        atol=1e-5,
    )


REVERSED = {
    "an index": lambda p: p[:, ::-1],
    "an operation": lambda p: keras.ops.subtract(1.0, p),
    "a layer": lambda p: keras.layers.Rescaling(-1.0)(p),
}


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("last", REVERSED)
def test_random_accuracy_is_that_of_what_is_behind_the_vote(last):
    """Flips of two classes without randomness, whose order an operation turns around."""
    inputs = keras.Input((2,))
    rows = CoinFlipDropout(0.0, seed=0)(Amplify(3)(inputs))
    model = keras.Model(inputs, REVERSED[last](MajorityVote(3)(rows)))
    x = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    assert zoo.random_accuracy(model, x, [1, 0, 1], 5).accuracy == 1
    assert model.predict(x, verbose=0).argmax(1).tolist() == [1, 0, 1]


def unit(activation, wrap=lambda x: x):
    """One unit that gives its input."""
    inputs = keras.Input((1,))
    dense = keras.layers.Dense(1, activation, kernel_initializer="ones")
    return keras.Model(inputs, wrap(dense(inputs)), name="unit")


@pytest.mark.on_tensorflow
def test_one_unit_is_cut_by_how_it_ends():
    x, y = np.array([[-1.0], [0.3], [2.0], [0.4]]), [0, 1, 1, 0]
    for model in (unit(None), unit("sigmoid"), unit(None, lambda x: {"score": x})):
        assert zoo.random_accuracy(model, x, y, vote="expected").correct == 3
    for model in (unit("relu"), unit(None, lambda x: x * 2.0)):
        with pytest.raises(
            ValueError, match=r"(?s)one unit must end in a vote, a sigmoid or.*Received: Functional 'unit'"
        ):
            zoo.random_accuracy(model, x, y, vote="expected")


@pytest.mark.on_tensorflow
def test_a_nested_vote_says_whether_units_are_labels():
    """Of two labels, each a class of its own: two of three agree with the rounded input."""
    inputs = keras.Input((2,))
    inner = keras.Model(inputs, MajorityVote(3, kind="labels")(CoinFlipDropout(0.0)(Amplify(3)(inputs))))
    outer = keras.Input((2,))
    model = keras.Model(outer, inner(outer))
    x, y = np.array([[1.0, 2.0], [-1.0, 1.0], [-2.0, -1.0]]), [[1, 1], [0, 0], [0, 1]]
    for vote in ("majority", "expected"):
        found = zoo.random_accuracy(model, x, y, 1, vote)
        assert (found.correct, found.n) == (4, 6)


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("vote", ["majority", "expected"])
def test_votes_that_join_are_refused(vote):
    inputs = keras.Input((2,))
    rows = CoinFlipDropout(0.5, seed=0)(Amplify(3)(inputs))
    joined = keras.layers.Average()([MajorityVote(3)(rows), MajorityVote(3)(rows)])
    with pytest.raises(ValueError, match=r"`model` must have one vote.*'pair' with 2 votes"):
        zoo.random_accuracy(keras.Model(inputs, joined, name="pair"), X, [0] * 5, 3, vote)


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(("has_gpu", "rows"), [(False, 128), (True, 800)])
def test_fewer_rows_at_once_are_for_the_caches_of_a_cpu(has_gpu, rows, monkeypatch):
    monkeypatch.setattr("zoo.amplification.coin_graph._has_gpu", lambda: has_gpu)
    graph = coin_graph(zoo.build("resnet20_cfnn", depth=8))
    assert graph.width == 32 * 32 * 16
    assert (graph.rows_at_once, graph.leaves_caches) == (rows, not has_gpu)
