"""uncertainty, seeds and checks: against closed forms and against every flip kept."""

import warnings

import keras
import numpy as np
import pytest

import zoo
from zoo.amplification.checks import check_split
from zoo.data.split import Split
from zoo.layers import Amplify, CoinFlipDropout, MajorityVote, NormalizePixels

X = np.array([[1.0, 0.5], [0.2, -3.0], [0.0, 1.0]], "float32")


def network(kind="classes", seed=1):
    inputs = keras.Input((2,))
    vote = "mean" if kind == "numbers" else "majority"
    flips = CoinFlipDropout(0.5, seed=seed)(Amplify(3)(inputs))
    return keras.Model(inputs, MajorityVote(3, vote, kind=kind)(flips))


def entropy(p):
    return -sum(q * np.log(q) for q in p if q > 0)


def softmax(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def test_classes_against_every_flip():
    model = network()
    logits = zoo.flips(model, X, 300, outputs="logits", seed=5, chunk=70).astype("float64")
    p = softmax(logits)
    found = zoo.uncertainty(model, X, 300, seed=5, chunk=70, quantiles=[0.25, 0.5])
    np.testing.assert_allclose(found.mean, p.mean(1), rtol=1e-5)
    np.testing.assert_allclose(found.standard_deviation, p.std(1), rtol=1e-5)
    np.testing.assert_allclose(found.quantiles, np.quantile(p, [0.25, 0.5], axis=1), rtol=1e-5)
    top = logits == logits.max(-1, keepdims=True)
    votes = (top / top.sum(-1, keepdims=True)).mean(1)
    np.testing.assert_allclose(found.votes, votes, atol=1e-9)
    np.testing.assert_allclose(found.variation_ratio, 1 - votes.max(1), atol=1e-9)
    np.testing.assert_allclose(found.entropy, [entropy(q) for q in p.mean(1)], rtol=1e-5)
    expected = [entropy(q) for q in p.mean(1)] - np.array([[entropy(q) for q in one] for one in p]).mean(1)
    np.testing.assert_allclose(found.mutual_information, expected, atol=1e-6)


def test_one_vote_on_two_heads_has_two_results():
    """Equal names are numbered, as the outputs of a SavedModel are."""
    inputs = keras.Input((2,))
    flips = CoinFlipDropout(0.5, seed=1)(Amplify(5)(inputs))
    vote = MajorityVote(5, name="v")
    heads = [vote(keras.layers.Dense(units, name=f"head_{units}")(flips)) for units in (3, 2)]
    model = keras.Model(inputs, heads)
    votes = zoo.flips(model, X, 50, outputs="logits", seed=4)
    assert {name: one.shape for name, one in votes.items()} == {"v_0": (3, 50, 3), "v_1": (3, 50, 2)}
    found = zoo.uncertainty(model, X, 50, seed=4)
    assert list(found) == ["v_0", "v_1"]
    for name, one in found.items():
        np.testing.assert_allclose(one.mean, softmax(votes[name].astype("float64")).mean(1), rtol=1e-5)


def test_entropy_and_information_of_a_closed_form():
    """Four masks of probability 1/4 each: expectations are sums of four terms."""
    masks = np.array([[0, 0], [0, 2], [2, 0], [2, 2]])
    p = softmax(X[:, None] * masks)
    mean = p.mean(1)
    flips = 40_000
    found = zoo.uncertainty(network(), X, flips, seed=1, chunk=10_000)
    np.testing.assert_allclose(found.mean, mean, atol=5 * p.std(1).max() / np.sqrt(flips))
    np.testing.assert_allclose(found.entropy, [entropy(q) for q in mean], atol=0.01)
    aleatoric = np.array([[entropy(q) for q in one] for one in p]).mean(1)
    np.testing.assert_allclose(found.mutual_information, [entropy(q) for q in mean] - aleatoric, atol=0.01)


def test_labels_and_numbers():
    labels = zoo.uncertainty(network("labels"), X, 200, seed=2)
    logits = zoo.flips(network("labels"), X, 200, outputs="logits", seed=2).astype("float64")
    p = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(labels.mean, p.mean(1), rtol=1e-5)
    np.testing.assert_allclose(labels.entropy, np.vectorize(lambda q: entropy([q, 1 - q]))(p.mean(1)), rtol=1e-5)
    votes = np.where(logits == 0, 0.5, logits > 0).mean(1)
    np.testing.assert_allclose(labels.variation_ratio, np.minimum(votes, 1 - votes), atol=1e-9)
    far = X + np.array([[1e4, 0]])  # a deviation far below the mean keeps its digits
    numbers = zoo.uncertainty(network("numbers"), far, 200, seed=2)
    drawn = zoo.flips(network("numbers"), far, 200, seed=2).astype("float64")
    np.testing.assert_allclose(numbers.predicted, drawn.mean(1), rtol=1e-6)
    np.testing.assert_allclose(numbers.standard_deviation, drawn.std(1), rtol=1e-6)
    assert numbers.votes is None and numbers.entropy is None  # noqa: PT018


@pytest.mark.on_tensorflow
def test_several_votes_have_their_names():
    inputs = keras.Input((2,))
    flips = CoinFlipDropout(0.5, seed=1)(Amplify(3)(inputs))
    votes = MajorityVote(3, name="sort")(flips), MajorityVote(3, "mean", kind="numbers", name="size")(flips)
    model = keras.Model(inputs, votes)
    found = zoo.uncertainty(model, X, 50)
    assert set(found) == {"sort", "size"}
    assert zoo.flips(model, X, 7)["size"].shape == (3, 7, 2)
    with pytest.raises(ValueError, match=r"`model` must .*2 outputs"):
        zoo.random_accuracy(model, X, [0, 1, 1])


# --- seeds ---


@pytest.mark.parametrize(
    "measure",
    [
        lambda m, seed: zoo.flips(m, X, 50, seed=seed),
        lambda m, seed: zoo.uncertainty(m, X, 50, seed=seed).mean,
        lambda m, seed: np.array(
            zoo.random_accuracy(m, np.repeat(X, 50, axis=0), np.tile([0, 1, 1], 50), 1, seed=seed)
        ),
    ],
)
def test_a_seed_decides_and_leaves_no_trace(measure):
    model, same = network(), network()
    first = measure(model, 3)
    np.testing.assert_array_equal(measure(model, 3), first)
    assert not np.array_equal(measure(model, 4), first)
    np.testing.assert_array_equal(model.predict(X, verbose=0), same.predict(X, verbose=0))


def test_reseed_starts_the_model_and_all_its_amplifications():
    model = network()
    ten = zoo.amplify(model, 10)
    zoo.reseed(model, 9)
    first = ten.predict(X, verbose=0)
    zoo.reseed(ten, 9)
    np.testing.assert_array_equal(ten.predict(X, verbose=0), first)
    for seed in (None, -1, 2**32, 1.5):
        with pytest.raises(ValueError, match="`seed` must be"):
            zoo.reseed(model, seed)


# --- checks ---


@pytest.mark.on_tensorflow
def test_diverged_models_have_no_accuracy():
    model = network()
    x = np.array([[3e38, 3e38], [1.0, 1.0]], "float32")  # finite, but twice of it is not
    for use in (
        lambda: zoo.flips(model, x, 20),
        lambda: zoo.random_accuracy(model, x, [0, 1], 20),
        lambda: zoo.uncertainty(model, x, 20),
    ):
        with pytest.raises(ValueError, match=r"`model` must give finite numbers.*of 1 of 2 examples"):
            use()
    inputs = keras.Input((2,))
    broken = keras.Model(inputs, keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant(np.nan))(inputs))
    with pytest.raises(ValueError, match="`model` must give finite numbers"):
        zoo.random_accuracy(broken, X, [0, 1, 1], vote="expected")


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:, :1], [0, 1, 1], r"`x` must have the shape of the model's input, \(None, 2\).*\(3, 1\)"),
        (X[None], [0], r"`x` must have the shape .*\(1, 3, 2\)"),
        (X, [1, 2, 2], r"`y` must hold class indices in \[0, 2\).*from 1 to 2"),
        (X, [-1, 0, 0], r"`y` must hold class indices in \[0, 2\)"),
        (X, ["cat", "dog", "cat"], "`y` must hold class indices.*<U3"),
        (X, [0.5, 1, 1], "`y` must hold class indices"),
        (X, np.eye(2)[[0, 1, 1]], r"one-hot rows take y\.argmax\(-1\)"),
        (X, [0, 1], "`y` must have one label per example.*3 examples and 2 labels"),
        (np.array([["a", "b"]]), [0], "`x` must be an array of real numbers"),
    ],
)
@pytest.mark.parametrize("vote", ["majority", "expected"])
def test_examples_and_labels_are_checked(x, y, message, vote):
    with pytest.raises(ValueError, match=message):
        zoo.random_accuracy(network(), x, y, 3, vote)


@pytest.mark.on_tensorflow
def test_pixels_in_unit_range_are_noticed():
    inputs = keras.Input((2, 2, 1))
    flips = CoinFlipDropout(0.5, seed=1)(Amplify(3)(keras.layers.Flatten()(NormalizePixels()(inputs))))
    model = keras.Model(inputs, MajorityVote(3)(flips))
    x = np.random.default_rng(0).uniform(0, 1, (2, 2, 2, 1))
    with pytest.warns(UserWarning, match=r"pixels in \[0, .*takes pixels in \[0, 255\].*by 255"):
        zoo.flips(model, x, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        zoo.flips(model, 255 * x, 3)
        zoo.flips(model, 0 * x, 3)
        zoo.flips(network(), X, 3)
        zoo.flips(model, np.ones((2, 2, 2, 1), "uint8"), 3)
    for other, said in (
        (2 * x - 1, r"pixels in \[-0.*, 0.*bring them back to \[0, 255\]"),
        (65535 * x, r"pixels in \[0, [\d.e+]+\].*bring them back"),
        (np.full((2, 2, 2, 1), 4095), r"pixels in \[0, 4.1e\+03\]"),
        (np.full((2, 2, 2, 1), -3), r"pixels in \[-3, -3\]"),
    ):
        with pytest.warns(UserWarning, match=said):
            zoo.flips(model, other, 3)


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(("scale", "noticed"), [(1 / 255, True), (1 / 127.5, True), (1.0, False)])
def test_pixels_in_unit_range_are_noticed_by_kerass_own_layer(scale, noticed):
    inputs = keras.Input((4,))
    flips = CoinFlipDropout(0.5, seed=1)(Amplify(3)(keras.layers.Rescaling(scale)(inputs)))
    model = keras.Model(inputs, MajorityVote(3)(flips))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        zoo.flips(model, np.full((2, 4), 0.5), 3)
    assert [str(one.message).endswith("multiply them by 255.") for one in seen if one.category is UserWarning] == [
        True
    ] * noticed


@pytest.mark.on_tensorflow
def test_a_split_is_checked_before_training():
    inputs = keras.Input((2, 2, 1))
    scores = keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(NormalizePixels()(inputs)))
    model, x = keras.Model(inputs, scores), np.full((3, 2, 2, 1), 200.0)
    names = ("ant", "bee")
    check_split(model, Split(x, np.array([0, 1, 1]), names))
    with pytest.warns(UserWarning, match="multiply them by 255"):
        check_split(model, Split(x / 255, np.array([0, 1, 1])))
    for bad, said in (
        (Split(x, np.array(["ant", "bee", "ant"]), names), "`y` must hold class indices, not texts.*'ant', 'bee'; of"),
        (Split(x, np.array(["ant", "bee", "ant"], object)), "`y` must hold class indices, not texts.*class_names;"),
        (Split(x, np.array([0, 1, 2]), names), r"class indices in \[0, 2\).*from 0 to 2"),
        (Split(x * np.nan, np.array([0, 1, 1])), "`x` must be finite"),
        (Split(x[:, :1], np.array([0, 1, 1])), "`x` must have the shape of the model's input"),
    ):
        with pytest.raises(ValueError, match=said):
            check_split(model, bad)


def test_accuracy_of_many_flips_needs_no_more_memory(monkeypatch):
    """No array of all flips: the largest that is counted is one chunk."""
    from zoo.amplification import tally

    largest = []
    soft_votes = tally.soft_votes
    monkeypatch.setattr(
        tally, "soft_votes", lambda vote, logits: largest.append(logits.size) or soft_votes(vote, logits)
    )
    zoo.random_accuracy(network(), X, [0, 1, 1], [10, 1000], chunk=50)
    assert 0 < max(largest) <= 3 * 50 * 2


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("logits", [(4, 50, 3), (2, 20, 5, 4)], ids=["classes", "pixels"])
@pytest.mark.parametrize("steps", [None, 2], ids=["distinct", "tied"])
def test_counting_votes_is_summing_ballots(logits, steps):
    from zoo.amplification.tally import Tally, hard_votes

    values = np.random.default_rng(0).normal(size=logits)
    values = values if steps is None else np.round(values * steps)
    tally = Tally(MajorityVote(1))
    tally.add(values[:, :7])
    tally.add(values[:, 7:])
    largest = values == values.max(axis=-1, keepdims=True)
    by_definition = (largest / largest.sum(axis=-1, keepdims=True)).sum(axis=1)
    np.testing.assert_allclose(tally.votes, by_definition, atol=1e-6)
    np.testing.assert_allclose(hard_votes(tally.vote, values).sum(axis=1), by_definition, atol=1e-5)
    assert (largest.sum(axis=-1) > 1).any() == (steps is not None)
