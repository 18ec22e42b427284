"""Coins wherever they lie in a graph, and whatever is before, beside and behind the vote."""

import itertools
import re

import keras
import numpy as np
import pytest
from few_on_jax import few_on_jax

import zoo
from zoo.layers import (
    Amplify,
    BinaryLogits,
    CoinFlip,
    CoinFlipDropout,
    CoinLayer,
    MajorityVote,
    RandomInput,
    StochasticDense,
)

X = np.array([[1.0, 0.5]], "float32")
SOFTMAX = 1 / (1 + np.exp(-0.5))  # of class 0 for X: 0.6225
# Rate 1/2 doubles what it keeps: of the masks (0, 0), (0, 1), (1, 0), (1, 1) the last two vote for class 0, the first
# is a tie.
SHARE = (0.5 + 1 + 1) / 4


def identity(units=2):
    layer = keras.layers.Dense(units, use_bias=False, kernel_initializer="identity")
    layer.build((None, units))
    return layer


def coin(seed=1):
    return CoinFlipDropout(0.5, seed=seed)


def nested(depth):
    """A model that holds its coin `depth` models deep."""
    model = keras.Sequential([keras.Input((2,)), coin(), identity()], name="deep")
    for _ in range(depth):
        inputs = keras.Input((2,))
        model = keras.Model(inputs, keras.layers.Rescaling(1.0)(model(inputs)))
    return model


class Block(keras.layers.Layer):
    """A layer of a user's own that holds a coin."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.coin = coin()

    def call(self, inputs):
        return self.coin(inputs)


def behind(*layers, samples=3, **options):
    inputs = keras.Input((2,))
    x = Amplify(samples)(inputs)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, MajorityVote(samples, **options)(x))


def wrapped():
    series = [keras.layers.Reshape((1, 2)), keras.layers.TimeDistributed(coin()), keras.layers.Flatten(), identity()]
    return behind(*series)


def zoo_model_inside():
    inputs = keras.Input((2,))
    inner = behind(coin(), identity())
    return keras.Model(inputs, inner(keras.layers.Rescaling(1.0)(inputs)))


PLACES = {
    "own graph": lambda: behind(coin(), identity()),
    "nested": lambda: behind(nested(0)),
    "nested three deep": lambda: behind(nested(2)),
    "TimeDistributed": wrapped,
    "a layer of one's own": lambda: behind(Block(), identity()),
    "CoinFlip": lambda: behind(CoinFlip(keras.layers.Dropout(0.5), seed=1), identity()),
    "a voting model behind another layer": zoo_model_inside,
}


@pytest.mark.parametrize("place", PLACES)
def test_a_coin_is_a_coin_wherever_it_lies(place):
    model = PLACES[place]()
    off = zoo.amplify(model, 1, "expected")
    for _ in range(3):
        np.testing.assert_allclose(off.predict(X, verbose=0), [[SOFTMAX, 1 - SOFTMAX]], rtol=1e-6)
    share = zoo.amplify(model, 4000).predict(X, verbose=0)[0, 0]
    assert abs(share - SHARE) < 5 * np.sqrt(0.1719 / 4000)  # variance of a vote: (0.25 + 1 + 1) / 4 - SHARE^2
    again = zoo.amplify(off, 4000).predict(X, verbose=0)[0, 0]
    assert abs(again - SHARE) < 5 * np.sqrt(0.1719 / 4000)
    drawn = zoo.flips(model, X, 4000, outputs="logits")[0]
    assert sorted(set(map(tuple, drawn.tolist()))) == [(0, 0), (0, 1), (2, 0), (2, 1)]


def test_coins_without_a_vote_can_be_switched_off():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, identity()(coin()(inputs)))
    x = np.tile([[1.0, 0.9]], (200, 1))
    assert zoo.random_accuracy(model, x, np.zeros(200), vote="expected").correct == 200
    with pytest.raises(ValueError, match=r"`model` must .*zoo\.with_coins"):
        zoo.flips(model, x)


class Noise(keras.layers.Layer):
    """Draws whatever the mode, and nobody can stop it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seed_generator)


class Secret(Noise):
    """Has the argument that tells training from inference and does not obey it."""

    def call(self, inputs, training=None):
        return super().call(inputs)


@pytest.mark.on_tensorflow
def test_what_cannot_be_switched_is_refused_by_name():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, Noise(name="hiss")(inputs))
    with pytest.raises(ValueError, match=r"'hiss' \(Noise\) draws .*CoinLayer"):
        zoo.amplify(model, 1, "expected")
    disobedient = keras.Model(inputs, keras.layers.Rescaling(1.0)(coin()(Secret(name="hush")(inputs))))
    with pytest.raises(ValueError, match=r"`model` flips coins that cannot be switched off.*hush"):
        zoo.random_accuracy(disobedient, X, [0], vote="expected")


def test_a_coin_layer_of_ones_own():
    """The class that the docstring shows: half of the flips turn the sign of the scores."""

    class Sign(CoinLayer):
        def call(self, inputs, training=None):
            if not self.flips(training):
                return inputs * 0
            coins = keras.random.uniform((keras.ops.shape(inputs)[0], 1), seed=self.generator(training))
            return keras.ops.where(coins < 0.25, -inputs, inputs)

    model = behind(Sign(seed=3), identity())
    assert abs(zoo.amplify(model, 4000).predict(X, verbose=0)[0, 0] - 0.75) < 5 * np.sqrt(0.1875 / 4000)
    np.testing.assert_allclose(zoo.amplify(model, 1, "expected").predict(X, verbose=0), [[0.5, 0.5]])


# --- behind, beside and before the vote ---


@pytest.mark.parametrize("samples", few_on_jax([3, 25, 26, 60], 26))
def test_what_is_behind_and_beside_the_vote_is_the_same_for_any_number_of_flips(samples):
    inputs = keras.Input((2,), name="x")
    vote = MajorityVote(3)(identity()(coin()(Amplify(3)(inputs))))
    tripled, plain = keras.layers.Rescaling(10.0)(vote), keras.layers.Rescaling(3.0)(inputs)
    both = keras.layers.Add()([tripled, plain])
    model = keras.Model({"x": inputs}, {"vote": tripled, "beside": plain, "both": both})
    found = zoo.amplify(model, samples).predict({"x": X}, verbose=0)
    np.testing.assert_allclose(found["vote"].sum(), 10, rtol=1e-5)
    np.testing.assert_allclose(found["beside"], 3 * X)
    np.testing.assert_allclose(found["both"], found["vote"] + found["beside"], rtol=1e-6)


@pytest.mark.parametrize("samples", [3, 40])
def test_the_mask_reaches_what_is_behind_amplify_and_behind_the_vote(samples):
    """Steps after the end count neither in the recurrence nor in the loss."""
    inputs = keras.Input((4,), dtype="int32")
    embedded = keras.layers.Embedding(5, 3, mask_zero=True, embeddings_initializer="ones")(inputs)
    counted = keras.layers.SimpleRNN(  # adds 1 at every step that is not masked
        2, None, use_bias=False, kernel_initializer=keras.initializers.Constant(1 / 3),
        recurrent_initializer="identity", return_sequences=True,
    )(CoinFlipDropout(0.0)(Amplify(3)(embedded)))  # fmt: skip
    model = keras.Model(inputs, MajorityVote(3, "mean", kind="numbers")(counted))
    model = zoo.amplify(model, samples, "mean")
    x = np.array([[1, 2, 0, 0], [1, 1, 1, 1]])
    np.testing.assert_allclose(model.predict(x, verbose=0)[..., 0], [[1, 2, 2, 2], [1, 2, 3, 4]], rtol=1e-5)
    model.compile(loss="mean_absolute_error")
    found = model.evaluate(x, np.zeros((2, 4, 2)), verbose=0)
    np.testing.assert_allclose(found, (1 + 2 + 1 + 2 + 3 + 4) / 6, rtol=1e-5)


def test_amplify_keeps_dtypes_and_masks():
    tokens = np.array([[1, 2], [3, 0]])
    assert keras.backend.standardize_dtype(Amplify(2)(tokens.astype("int32")).dtype) == "int32"
    assert Amplify(2)(keras.Input((2,), dtype="bool")).dtype == "bool"
    mask = keras.ops.convert_to_numpy(Amplify(2).compute_mask(None, keras.ops.convert_to_tensor(tokens > 0)))
    np.testing.assert_array_equal(mask, [[True, True], [True, True], [True, False], [True, False]])


@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_votes_per_pixel(kind):
    """Every pixel is an election of its own, as if it were an example."""
    inputs = keras.Input((2, 3, 2))
    flips = CoinFlipDropout(0.5, seed=1)(Amplify(5)(inputs))
    model = keras.Model(inputs, MajorityVote(5, kind=kind)(flips))
    x = np.random.default_rng(0).normal(size=(4, 2, 3, 2)).astype("float32")
    logits = zoo.flips(model, x, 101, outputs="logits", seed=3)  # (4, 101, 2, 3, 2)
    classes = zoo.flips(model, x, 101, seed=3)
    if kind == "classes":
        tied = logits[..., 0] == logits[..., 1]
        np.testing.assert_array_equal(classes[~tied], (logits[..., 1] > logits[..., 0])[~tied])
        votes = np.where(tied, 0.5, logits[..., 1] > logits[..., 0]).sum(axis=1)
        right = np.where(votes == 50.5, -1, votes > 50.5)
        y = (votes > 50.5).astype(int)
    else:
        np.testing.assert_array_equal(classes, logits > 0)
        votes = np.where(logits == 0, 0.5, logits > 0).sum(axis=1)
        right = np.where(votes == 50.5, -1, votes > 50.5)
        y = (votes > 50.5).astype(int)
    result = zoo.random_accuracy(model, x, y, 101, seed=3)
    assert result.n == y.size
    assert (right >= 0).sum() <= result.correct <= y.size


# --- graphs that cannot mean what they say ---


def refused():
    inputs, sequence = keras.Input((2,)), keras.Input((4, 2))
    dropout, dense = keras.layers.Dropout(0.5, name="plain"), keras.layers.Dense(3)
    vote = MajorityVote(3)
    other = Amplify(3)
    return {
        "a coin before Amplify": (
            lambda: vote(dense(Amplify(3)(coin()(inputs)))),
            "'coin_flip.*before 'amplify",
        ),
        "in a model inside": (lambda: vote(Amplify(3)(nested(1)(inputs))), "'coin_flip.*before 'amplify"),
        "plain dropout behind Amplify": (lambda: vote(dense(dropout(Amplify(3)(inputs)))), "'plain'.*CoinFlip"),
        "plain dropout inside": (
            lambda: vote(keras.Sequential([keras.Input((2,)), dropout, dense])(Amplify(3)(inputs))),
            "'plain'.*CoinFlip",
        ),
        "attention dropout": (
            lambda: vote(keras.layers.MultiHeadAttention(1, 2, dropout=0.1, name="heads")(*[other(sequence)] * 2)),
            "'heads'.*CoinFlip",
        ),
        "one kernel for all": (lambda: vote(StochasticDense(3, shared=True)(Amplify(3)(inputs))), "one kernel for all"),
        "one class": (lambda: vote(keras.layers.Dense(1)(coin()(Amplify(3)(inputs)))), "BinaryLogits"),
        "a softmax": (
            lambda: vote(keras.layers.Dense(3, activation="softmax")(coin()(Amplify(3)(inputs)))),
            "`from_logits` must be False.*softmax",
        ),
        "a softmax behind a Reshape": (
            lambda: vote(keras.layers.Reshape((2,))(keras.layers.Softmax()(coin()(Amplify(3)(inputs))))),
            "`from_logits` must be False.*softmax",
        ),
        "a shortcut around Amplify": (
            lambda: vote(keras.layers.Add()([Amplify(1)(inputs), coin()(inputs)])),
            "meets rows that are flips and rows that are examples",
        ),
        "Amplify twice": (lambda: vote(Amplify(3)(Amplify(1)(inputs))), "not on rows that are flips already"),
    }


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("case", refused())
def test_graphs_that_cannot_mean_what_they_say_are_refused(case):
    make, message = refused()[case]
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        make()


@pytest.mark.on_tensorflow
def test_flips_must_not_reach_an_output_without_a_vote():
    inputs = keras.Input((2,))
    flips = coin()(Amplify(3)(inputs))
    model = keras.Model(inputs, [MajorityVote(3)(flips), flips])
    with pytest.raises(ValueError, match=r"vote on every output that flips.*'coin_flip_dropout"):
        zoo.amplify(model, 5)


def test_a_subclass_with_a_call_of_its_own_is_refused():
    class Doubled(keras.Model):
        def call(self, inputs, training=None, mask=None):
            return 2 * super().call(inputs, training=training, mask=mask)

    inputs = keras.Input((2,))
    model = Doubled(inputs, MajorityVote(3)(coin()(Amplify(3)(inputs))))
    with pytest.raises(ValueError, match="must not override `call`"):
        zoo.amplify(model, 5)


# --- votes of one unit, labels, numbers and probabilities ---


@pytest.mark.parametrize("chunk", few_on_jax([None, 7], None))
def test_one_sigmoid_unit_votes_as_two_logits(chunk):
    """`BinaryLogits` and two classes are the same election."""
    inputs = keras.Input((2,))
    score = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(1.0), bias_initializer="zeros")
    flips = keras.layers.Rescaling(1.0, offset=-0.75)(score(CoinFlipDropout(0.5, seed=1)(Amplify(3)(inputs))))
    two = keras.Model(inputs, MajorityVote(3)(BinaryLogits()(flips)))
    one = keras.Model(inputs, MajorityVote(3, kind="labels")(flips))
    sigmoid = keras.layers.Activation("sigmoid")(flips)
    probable = keras.Model(inputs, MajorityVote(3, kind="labels", from_logits=False)(sigmoid))
    x = np.random.default_rng(0).uniform(0, 1, (20, 2)).astype("float32")
    for vote in ("majority", "mean"):
        found = []
        for model in (two, one, probable):
            amplified = zoo.amplify(model, 50, vote, chunk=chunk)
            zoo.reseed(amplified, 5)
            found.append(amplified.predict(x, verbose=0)[:, -1])
        np.testing.assert_allclose(found[1], found[0], atol=1e-5)
        np.testing.assert_allclose(found[2], found[0], atol=1e-5)
        assert (found[1] != 0.5).all()  # ties are decided by the soft vote
    y = (found[0] > 0.5).astype(int)
    for model in (two, one, probable):
        assert zoo.random_accuracy(model, x, y, 50, "mean", seed=5, chunk=chunk).accuracy > 0.5


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(("samples", "chunk"), [(5, None), (60, None), (60, 7)])
def test_numbers_are_averaged(samples, chunk):
    inputs = keras.Input((3,))
    flips = CoinFlipDropout(0.5, seed=1)(Amplify(5)(inputs))
    model = keras.Model(inputs, MajorityVote(5, "mean", kind="numbers")(flips))
    x = np.array([[1.0, -2.0, 1000.0]], "float32")
    amplified = zoo.amplify(model, samples, chunk=chunk)
    zoo.reseed(amplified, 1)
    mean = amplified.predict(x, verbose=0)
    sigma = np.abs(x) / np.sqrt(samples)
    assert (np.abs(mean - x) <= 5 * sigma).all()
    assert set(np.unique(zoo.flips(model, x, 50)[0, :, 0])) == {0, 2}
    with pytest.raises(ValueError, match="`model` must vote on classes"):
        zoo.random_accuracy(model, x, [0], 5)


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "numbers"}, '`vote` must be "mean"'),
        ({"kind": "people"}, "`kind` must be one of 'classes', 'labels', 'numbers'"),
        ({"from_logits": False, "temperature": 2.0}, "`temperature` must be 1"),
        ({"from_logits": 1}, "`from_logits` must be a bool"),
    ],
)
def test_wrong_arguments_of_a_vote(arguments, message):
    with pytest.raises(ValueError, match=message):
        MajorityVote(3, **arguments)


def test_probabilities_vote_as_the_logits_they_came_of():
    logits = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    for vote, training in itertools.product(("majority", "mean"), (False, True)):
        ours = MajorityVote(3, vote, from_logits=False)(p, training=training)
        theirs = MajorityVote(3, vote)(logits, training=training)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs), atol=1e-6)


# --- compiled once ---


def test_the_same_amplification_is_the_same_model_until_one_of_them_changes():
    model = behind(coin(), keras.layers.Dense(2))
    ten = zoo.amplify(model, 10)
    assert zoo.amplify(model, 10) is ten
    assert zoo.amplify(model, 11) is not ten
    assert zoo.amplify(model, 10, "mean") is not ten
    assert zoo.amplify(model, 10, chunk=3) is not ten
    model.compile("sgd", "sparse_categorical_crossentropy")
    compiled = zoo.amplify(model, 10)
    assert compiled is not ten
    assert compiled.compiled
    assert zoo.amplify(model, 10) is compiled
    compiled.train_on_batch(X, np.array([0]))
    assert zoo.amplify(model, 10) is not compiled  # its optimizer has a history


def test_an_amplified_model_does_not_keep_the_model_alive():
    import gc
    import weakref

    model = behind(coin(), identity())
    seen = weakref.ref(model)
    zoo.amplify(model, 5)
    del model
    gc.collect()
    assert seen() is None


@pytest.mark.on_tensorflow
def test_several_votes_come_in_the_order_of_the_outputs():
    inputs = keras.Input((2,))
    x = coin()(Amplify(3)(inputs))
    first, second = MajorityVote(3, name="first")(identity()(x)), MajorityVote(3, name="second")(identity()(x))
    for outputs in ([first, second], [second, first]):
        model = keras.Model(inputs, outputs)
        names = [name.removesuffix("_vote") for name in model.output_names]
        assert list(zoo.flips(model, X, 5)) == list(zoo.uncertainty(model, X, 5)) == names


@pytest.mark.on_tensorflow
def test_a_layer_without_its_configuration_is_named():
    class Forgetful(CoinLayer):
        def __init__(self, size, **kwargs):
            super().__init__(**kwargs)

        def call(self, inputs, training=None):
            return inputs * keras.random.uniform((), seed=self.generator(training)) if self.flips(training) else inputs

    with pytest.raises(ValueError, match=r"`get_config` of Forgetful must return all.*'size'"):
        zoo.amplify(behind(Forgetful(3)), 1, "expected")


@keras.saving.register_keras_serializable(package="any_graph")
class Scaled(CoinLayer):
    """A user's layer with a weight and a layer inside, which turns the sign of half of its rows."""

    def __init__(self, lists=False, **kwargs):
        super().__init__(**kwargs)
        self.lists = lists
        self.inner = keras.layers.Dense(2, use_bias=False, kernel_initializer=keras.initializers.RandomNormal(seed=1))
        self.many = [keras.layers.Dense(2)] if lists else []

    def build(self, shape):
        self.scale = self.add_weight(shape=(2,), initializer=keras.initializers.RandomNormal(seed=3), name="scale")
        for layer in (self.inner, *self.many):
            layer.build(shape)

    def call(self, inputs, training=None):
        x = self.inner(inputs) * self.scale
        for layer in self.many:
            x = layer(x)
        if not self.flips(training):
            return x
        coins = keras.random.uniform((keras.ops.shape(inputs)[0], 1), seed=self.generator(training))
        return keras.ops.where(coins < 0.25, -x, x)

    def get_config(self):
        return {**super().get_config(), "lists": self.lists}


def test_coins_off_share_the_weights_of_a_layer_of_ones_own(tmp_path):
    model = behind(Scaled(seed=1, name="mine"))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    off = zoo.amplify(model, 1, "expected")
    assert {id(weight) for weight in off.weights} == {id(weight) for weight in model.weights}
    layer = model.get_layer("mine")
    kernel, scale = (keras.ops.convert_to_numpy(one) for one in (layer.inner.kernel, layer.scale))
    logits = X @ kernel * scale
    np.testing.assert_allclose(off.predict(X, verbose=0), np.exp(logits) / np.exp(logits).sum(), rtol=1e-4)
    other = behind(Scaled(seed=2, name="mine"))
    model.save_weights(tmp_path / "mine.weights.h5")
    other.load_weights(tmp_path / "mine.weights.h5")
    for one, same in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(zoo.flips(model, X, 50), zoo.flips(other, X, 50))  # and the same coins
    assert len(model.get_weights()) == 2


@pytest.mark.on_tensorflow
def test_weights_that_a_copy_cannot_share_are_refused():
    with pytest.raises(ValueError, match=r"'mine' \(Scaled\) cannot be copied.*attributes of their own"):
        zoo.amplify(behind(Scaled(lists=True, name="mine")), 1, "expected")


def member():
    """A network of one coin whose layers have the names of every other member's."""
    inputs = keras.Input((2,), name="x")
    rows = CoinFlipDropout(0.5, seed=1, name="coin")(Amplify(1, name="amplify")(inputs))
    logits = keras.layers.Dense(2, use_bias=False, kernel_initializer="identity", name="logits")(rows)
    return keras.Model(inputs, MajorityVote(1, name="vote")(logits))


def test_members_of_one_name_are_amplified_together():
    inputs = keras.Input((2,))
    one, two = member(), member()
    one.name, two.name = "one", "two"
    model = keras.Model(inputs, keras.layers.Average()([one(inputs), two(inputs)]))
    assert len(zoo.flips(model, X, 7)) == 2
    n = 4000
    sigma = np.sqrt((0.5 * 1 + 0.25 * 0.25 - SHARE**2) / n / 2)  # a flip votes 1, 1/2 or 0; two members
    votes = zoo.amplify(zoo.amplify(model, 9), n).predict(X, verbose=0)
    assert abs(votes[0, 0] - SHARE) < 5 * sigma
    off = zoo.amplify(model, 1, "expected").predict(X, verbose=0)
    np.testing.assert_allclose(off[0, 0], SOFTMAX, rtol=1e-5)


@pytest.mark.on_tensorflow
def test_masks_and_layers_of_several_inputs_may_share_a_name():
    def part(vote):
        inputs = keras.Input((4,), dtype="int32")
        x = Amplify(3)(keras.layers.Embedding(9, 2, mask_zero=True, name="tokens")(inputs))
        x = keras.layers.Dropout(0.0, name="pass")(x)
        x = keras.layers.Add(name="add")([x, coin()(x)])
        x = keras.layers.GlobalAveragePooling1D(name="pool")(x)
        return keras.Model(inputs, MajorityVote(3, name=vote)(identity()(x)))

    inputs = keras.Input((4,), dtype="int32")
    model = keras.Model(inputs, keras.layers.Average()([part("first")(inputs), part("second")(inputs)]))
    off = zoo.amplify(model, 1, "expected")
    padded, other = np.array([[1, 2, 0, 0]]), model.predict(np.array([[1, 2, 0, 0]]), verbose=0)
    np.testing.assert_allclose(
        off.predict(padded, verbose=0), zoo.amplify(off, 1, "expected").predict(padded, verbose=0)
    )
    assert other.shape == (1, 2)
    kernels = [weight for weight in model.weights if "embeddings" in weight.path]
    means = [2 * keras.ops.convert_to_numpy(kernel)[[1, 2]].mean(0) for kernel in kernels]
    wanted = np.mean([np.exp(mean) / np.exp(mean).sum() for mean in means], axis=0)
    np.testing.assert_allclose(off.predict(padded, verbose=0)[0], wanted, rtol=1e-5)


@pytest.mark.on_tensorflow
def test_the_last_amplifications_are_kept():
    model = behind(coin(), identity())
    first, second = zoo.amplify(model, 1), zoo.amplify(model, 2)
    for samples in range(3, 9):
        zoo.amplify(model, samples)
    assert zoo.amplify(model, 1) is first  # the eighth, now the last
    zoo.amplify(model, 9)
    assert zoo.amplify(model, 1) is first
    assert zoo.amplify(model, 2) is not second


@pytest.mark.on_tensorflow
def test_random_input_behind_amplify_is_switched_off_by_its_mean_only():
    inputs = keras.Input((2,))
    rows = Amplify(3)(inputs)
    for how, name in (("draws", "fixed"), ("mean", "middle")):
        noise = RandomInput(2, seed=1, without_flips=how, name=name)(rows)
        model = keras.Model(inputs, MajorityVote(3)(rows + noise))
        assert zoo.flips(model, X, 3).shape == (1, 3)
        if how == "draws":
            with pytest.raises(ValueError, match=r'`without_flips` of .fixed. must be "mean" behind Amplify'):
                zoo.amplify(model, 1, "expected")
        else:
            two = zoo.amplify(model, 1, "expected").predict(np.repeat(X, 2, axis=0), verbose=0)
            np.testing.assert_allclose(two[:, 0], SOFTMAX, rtol=1e-5)
