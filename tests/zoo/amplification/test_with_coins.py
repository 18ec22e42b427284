"""with_coins: models of others, made to flip and switched off again."""

import re

import keras
import numpy as np
import pytest
from few_on_jax import few_on_jax

import zoo
from zoo.layers import CoinFlip, CoinFlipDropout, MajorityVote
from zoo.layers.flip_rows import nodes

layers = keras.layers
RNG = np.random.default_rng(0)


def mlp(rate=0.5, ends="softmax", units=3):
    inputs = keras.Input((4,), name="x")
    hidden = layers.Dense(8, "relu", name="hidden")(inputs)
    hidden = layers.Dropout(rate, name="drop")(hidden) if rate is not None else hidden
    return keras.Model(inputs, layers.Dense(units, ends, name="scores")(hidden))


def text():
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(inputs)
    x = layers.Bidirectional(layers.LSTM(3, dropout=0.3, recurrent_dropout=0.2, return_sequences=True))(x)
    x = layers.GRU(4, dropout=0.2)(x)
    return keras.Model(inputs, layers.Dense(1, "sigmoid")(x))


def attention():
    inputs = keras.Input((6, 4))
    x = layers.MultiHeadAttention(2, 2, dropout=0.4)(inputs, inputs, use_causal_mask=True)
    x = layers.LayerNormalization()(layers.Add()([inputs, layers.Dropout(0.1)(x)]))
    return keras.Model(inputs, layers.Dense(2, "softmax")(x))  # a class for every step


def unet():
    inputs = keras.Input((8, 8, 1))
    down = layers.SpatialDropout2D(0.3)(layers.Conv2D(3, 3, padding="same", activation="relu")(inputs))
    middle = layers.GaussianNoise(0.2)(layers.Conv2D(4, 3, padding="same")(layers.MaxPooling2D()(down)))
    up = layers.Conv2DTranspose(3, 2, strides=2)(layers.BatchNormalization()(middle))
    return keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax")(layers.Concatenate()([down, up])))


def several():
    one, other = keras.Input((4,), name="one"), keras.Input((3,), name="other")
    x = layers.AlphaDropout(0.3)(layers.Dense(5, "selu")(layers.Concatenate()([one, other])))
    size = layers.Dense(2, name="size")(layers.GaussianDropout(0.3)(x))
    outputs = {
        "sort": layers.Dense(3, "softmax", name="sort")(x),
        "size": size,
        "plain": layers.Dense(1, name="plain")(one),
    }
    return keras.Model({"one": one, "other": other}, outputs)


def nested():
    def made(name):  # with equal names inside, which only a graph of its own allows
        inside = [layers.Dense(6, "relu", name="d"), layers.Dropout(0.5, name="r")]
        return keras.Sequential([keras.Input((6,)), *inside], name=name)

    block, twin = made("block"), made("twin")
    inputs = keras.Input((6,))
    inner = keras.Model(inputs, layers.Add()([block(inputs), twin(inputs)]))
    outer = keras.Input((6,))
    twice = inner(inner(layers.Rescaling(0.5)(outer)))
    return keras.Model(outer, layers.Dense(2, "softmax")(twice))


def wrapped():
    inputs = keras.Input((5, 4))
    x = layers.TimeDistributed(layers.Dropout(0.5))(inputs)
    return keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))


@keras.saving.register_keras_serializable(package="test_with_coins")
class Residual(layers.Layer):
    """A layer of a user's own, whose call does not know of training."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense, self.dropout = layers.Dense(4), layers.Dropout(0.5)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, inputs):
        return inputs + self.dropout(self.dense(inputs))


def own():
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(2, "softmax")(Residual()(inputs)))


MODELS = {f.__name__: f for f in (mlp, text, attention, unet, several, nested, wrapped, own)}


def examples(model, count=5):
    """Inputs of a model; the last steps of tokens are padding."""

    def one(x):
        if "int" in x.dtype:
            return RNG.integers(1, 9, (count, *x.shape[1:])) * (np.arange(x.shape[1]) < 4)
        return RNG.normal(size=(count, *x.shape[1:])).astype("float32")

    made = {x.name: one(x) for x in model.inputs}
    return made if len(made) > 1 else next(iter(made.values()))


def flat(outputs):
    return keras.tree.flatten(outputs)


@pytest.mark.parametrize("name", few_on_jax(MODELS, "several"))
def test_a_model_of_anybody(name, tmp_path):
    model = MODELS[name]()
    x = examples(model)
    plain = model.predict(x, verbose=0)
    coins = zoo.with_coins(model, 6, seed=1)
    assert {id(w) for w in coins.weights} == {id(w) for w in model.weights}
    assert type(coins.output_shape) is type(model.output_shape)

    off = zoo.amplify(coins, 1, "expected").predict(x, verbose=0)
    for ours, theirs in zip(flat(off), flat(plain), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for now, before in zip(flat(model.predict(x, verbose=0)), flat(plain), strict=True):
        np.testing.assert_array_equal(now, before)  # the model itself is as it was

    votes = [layer for layer in coins.layers if isinstance(layer, MajorityVote)]
    found = zoo.uncertainty(coins, x, 40, seed=2)
    for vote in votes:
        one = found[vote.name] if len(votes) > 1 else found
        assert one.standard_deviation.max() > 1e-4  # the coins live
    drawn = zoo.flips(coins, x, 40, outputs="probabilities", seed=2)
    for vote in votes:
        one = found[vote.name] if len(votes) > 1 else found
        np.testing.assert_allclose(one.mean, (drawn[vote.name] if len(votes) > 1 else drawn).mean(1), rtol=1e-4)

    coins.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    for a, b in zip(flat(copy.predict(x, verbose=0)), flat(coins.predict(x, verbose=0)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", few_on_jax(["text", "attention", "unet", "several"], "attention"))
def test_the_mean_of_the_flips_is_that_of_keras_in_training_mode(name):
    """Keras's own call with `training=True`, thousands of times by rows: the law of a flip is the same."""
    model = MODELS[name]()
    x = examples(model, 1)
    coins = zoo.with_coins(model, 5, seed=1)
    if name == "unet":  # batch normalisation keeps its statistics of inference; so does a frozen one in training
        model.get_layer(
            next(v.name for v in model.layers if isinstance(v, layers.BatchNormalization))
        ).trainable = False
    many = {k: v.repeat(3000, axis=0) for k, v in x.items()} if isinstance(x, dict) else x.repeat(3000, axis=0)
    theirs = [keras.ops.convert_to_numpy(y).astype("float64") for y in flat(model(many, training=True))]
    ours = zoo.uncertainty(coins, x, 3000, seed=3, chunk=1000)
    ours = ours if isinstance(ours, dict) else {f"{model.output_names[0]}_vote": ours}
    outputs = dict(zip(model.output_names, theirs, strict=True))
    for name_of_vote, one in ours.items():
        drawn = outputs[name_of_vote.removesuffix("_vote")]
        sigma = np.sqrt(drawn.var(0) + one.standard_deviation[0] ** 2) / np.sqrt(3000)
        assert (np.abs(one.mean[0] - drawn.mean(0)) <= 5 * sigma + 1e-6).all()
        ratio = one.standard_deviation[0] / drawn.std(0)
        assert (np.abs(ratio - 1) < 0.2).all()


def order(model):
    return [node.operation.name for node in nodes(model)]


@pytest.mark.on_tensorflow
def test_the_rows_are_repeated_as_late_as_possible():
    coins = order(zoo.with_coins(mlp(), 3))
    assert coins.index("hidden") < coins.index("amplify") < coins.index("drop_flip") < coins.index("scores")
    found = zoo.with_coins(several(), 3)
    assert "plain_vote" not in order(found)  # no coin on its path
    assert found.get_layer("size_vote").kind == "numbers"
    assert found.get_layer("sort_vote").kind == "classes"


@pytest.mark.on_tensorflow
def test_a_rate_takes_the_place_of_every_rate():
    x = RNG.normal(size=(1, 4)).astype("float32")
    model = mlp(0.5)
    dropped = []
    for rate in (0.1, 0.9):
        coins = zoo.with_coins(model, 3, rate=rate, seed=0)
        part = keras.Model(coins.input, coins.get_layer("drop_flip").output)
        dropped.append((keras.ops.convert_to_numpy(part(x.repeat(500, axis=0))) == 0).mean())
    assert dropped[0] < dropped[1]
    assert model.get_layer("drop").rate == 0.5
    recurrent = zoo.with_coins(text(), 3, rate=0.0, seed=0)  # inside layers, too: no coin is left
    assert zoo.uncertainty(recurrent, examples(text()), 20).standard_deviation.max() < 1e-6


@pytest.mark.on_tensorflow
def test_a_dropout_of_rate_0_flips_where_there_is_a_rate():
    coins = zoo.with_coins(mlp(0.0), 3, rate=0.5, seed=0)
    assert isinstance(coins.get_layer("drop_flip"), CoinFlip)
    assert zoo.uncertainty(coins, RNG.normal(size=(3, 4)), 50).standard_deviation.max() > 0.01


def test_a_coin_is_inserted_where_there_is_none():
    coins = zoo.with_coins(mlp(None), 3, rate=0.25, seed=0)
    last = [layer for layer in coins.layers if isinstance(layer, CoinFlipDropout)]
    assert [layer.rate for layer in last] == [0.25]
    assert order(coins)[-4:] == ["amplify", last[0].name, "scores", "scores_vote"]
    before = zoo.with_coins(mlp(None), 3, rate=0.25, where="hidden", seed=0)
    assert order(before)[1].startswith("amplify")
    chosen = zoo.with_coins(mlp(None), 3, rate=0.25, where=lambda layer: isinstance(layer, layers.Dense))
    assert sum(isinstance(layer, CoinFlipDropout) for layer in chosen.layers) == 2


@pytest.mark.on_tensorflow
def test_where_chooses_which_random_layers_flip():
    inputs = keras.Input((4,))
    first, second = layers.Dropout(0.5, name="first")(inputs), layers.Dropout(0.5, name="second")
    model = keras.Model(inputs, layers.Dense(2, "softmax")(second(first)))
    coins = zoo.with_coins(model, 3, where="first", seed=0)
    x = np.ones((1, 4), "float32")
    seen = keras.Model(coins.input, [coins.get_layer("first_flip").output, coins.get_layer("second").output])
    one, other = (keras.ops.convert_to_numpy(y) for y in seen(x.repeat(50, axis=0)))
    np.testing.assert_array_equal(one, other)
    assert (one == 0).any()
    seen = keras.Model(coins.input, [coins.get_layer("first_flip").output, coins.get_layer("second").output])
    one, other = (keras.ops.convert_to_numpy(y) for y in seen(x.repeat(50, axis=0), training=True))
    assert (one != other).any()
    again = zoo.amplify(zoo.amplify(coins, 1, "expected"), 5)
    assert again.get_layer("second").flip_at_inference is False


@pytest.mark.on_tensorflow
def test_augmentation_flips_where_asked_for():
    inputs = keras.Input((8, 8, 1))
    x = layers.RandomFlip("horizontal", name="mirror", seed=1)(inputs)
    x = layers.Dropout(0.5, name="drop")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(2, "softmax")(x))
    assert "mirror_flip" not in order(zoo.with_coins(model, 3))
    coins = zoo.with_coins(model, 3, where="mirror")
    assert order(coins).index("amplify") < order(coins).index("mirror_flip")
    assert zoo.uncertainty(coins, RNG.normal(size=(2, 8, 8, 1)), 30).standard_deviation.max() > 0


@pytest.mark.parametrize("units", [1, 3])
def test_logits_vote_if_one_says_so(units):
    model = mlp(0.5, None, units)
    x = RNG.normal(size=(4, 4)).astype("float32")
    assert zoo.with_coins(model, 3).get_layer("scores_vote").kind == "numbers"
    coins = zoo.with_coins(model, 3, vote="majority")
    logits = model.predict(x, verbose=0).astype("float64")
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) if units > 1 else 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(zoo.amplify(coins, 1, "expected").predict(x, verbose=0), expected, rtol=1e-5)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert not zoo.with_coins(model, 3, vote="majority").compiled
    assert zoo.with_coins(mlp(), 3, vote={"scores": "mean"}).get_layer("scores_vote").vote == "mean"


def test_it_trains_and_is_compiled_like_the_model():
    model = mlp()
    model.compile(keras.optimizers.SGD(0.125), "sparse_categorical_crossentropy", metrics=["accuracy"])
    coins = zoo.with_coins(model, 4, seed=0)
    before = model.get_weights()[0]
    coins.fit(RNG.normal(size=(8, 4)), np.arange(8) % 3, verbose=0)
    assert (model.get_weights()[0] != before).any()
    assert float(keras.ops.convert_to_numpy(coins.optimizer.learning_rate)) == 0.125


class Normed(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm, self.dropout = layers.BatchNormalization(), layers.Dropout(0.5)

    def build(self, input_shape):
        self.norm.build(input_shape)

    def call(self, inputs, training=None):
        return self.dropout(self.norm(inputs, training=training), training=training)


class Counter(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dropout = layers.Dropout(0.5)
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, inputs, training=None):
        if training:
            self.calls.assign_add(1.0)
        return self.dropout(inputs, training=training)


def over(layer):
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(2, "softmax")(layer(inputs)))


REFUSALS = {
    "batch normalisation inside": (lambda: zoo.with_coins(over(Normed(name="mixed"))), "update weights.*'mixed'"),
    "a count inside": (lambda: zoo.with_coins(over(Counter(name="counter"))), "update weights.*'counter'"),
    "no coin and no rate": (lambda: zoo.with_coins(mlp(None)), "`rate` must be in .*rate=None"),
    "a wrong rate": (lambda: zoo.with_coins(mlp(), rate=1.0), "`rate` must be .*rate=1.0"),
    "a wrong name": (lambda: zoo.with_coins(mlp(), where="hiden", rate=0.5), "Did you mean 'hidden'"),
    "a wrong vote": (lambda: zoo.with_coins(mlp(), vote="median"), "`vote` must be one of"),
    "a wrong output": (lambda: zoo.with_coins(mlp(), vote={"score": "mean"}), "Did you mean 'scores'"),
    "wrong samples": (lambda: zoo.with_coins(mlp(), 0), "`samples` must be"),
    "a model that flips": (lambda: zoo.with_coins(zoo.with_coins(mlp())), r"use zoo\.amplify"),
    "no graph": (lambda: zoo.with_coins(keras.Sequential([layers.Dense(1)])), "one that is built"),
    "a fixed batch": (
        lambda: zoo.with_coins(keras.Sequential([keras.Input((2,), batch_size=4), layers.Dropout(0.5)])),
        "batches of any size",
    ),
    "integers": (
        lambda: zoo.with_coins(keras.Sequential([keras.Input((4,)), layers.Dropout(0.5), ArgMax(name="best")])),
        "must give floats where it flips.*'best'",
    ),
}


class ArgMax(layers.Layer):
    def call(self, inputs):
        return keras.ops.argmax(inputs, axis=-1)


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case):
    call, message = REFUSALS[case]
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        call()


# --- what an output is ---


def ending(*ends, shape=(4, 5)):
    inputs = keras.Input(shape)
    x = layers.Dropout(0.5)(inputs)
    for layer in ends:
        x = layer(x)
    return keras.Model(inputs, x)


KINDS = {
    "TimeDistributed softmax": ([layers.TimeDistributed(layers.Dense(3, "softmax"))], "classes"),
    "TimeDistributed sigmoid": ([layers.TimeDistributed(layers.Dense(1, "sigmoid"))], "labels"),
    "Softmax of the last axis": ([layers.Softmax()], "classes"),
    "Softmax of another axis": ([layers.Softmax(axis=1)], "numbers"),
    "a softmax that is moved": ([layers.Dense(3, "softmax"), layers.Permute((2, 1))], "numbers"),
    "a softmax that is flattened": ([layers.Dense(3, "softmax"), layers.Flatten()], "numbers"),
    "a softmax in another shape": ([layers.Dense(3, "softmax"), layers.Reshape((2, 2, 3))], "classes"),
    "EinsumDense": ([layers.EinsumDense("btf,fc->btc", (None, 3), activation="softmax")], "classes"),
    "LSTM": ([layers.LSTM(3, activation="sigmoid")], "numbers"),
    "GRU": ([layers.GRU(3, activation="softmax")], "numbers"),
}


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("case", KINDS)
def test_an_output_is_what_its_last_axis_says(case):
    ends, kind = KINDS[case]
    model = ending(*ends)
    coins = zoo.with_coins(model, 9, seed=1)
    assert next(layer for layer in coins.layers if isinstance(layer, MajorityVote)).kind == kind
    if kind == "numbers":
        with pytest.raises(ValueError, match="may give logits or probabilities"):
            zoo.with_coins(model, 9, vote="majority")
    else:
        x = RNG.normal(size=(3, 4, 5)).astype("float32")
        plain = zoo.amplify(zoo.with_coins(model, 9, vote="majority"), 1, "expected")
        np.testing.assert_array_equal(plain.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.on_tensorflow
def test_an_operation_whose_outputs_may_be_anything_does_not_vote_as_logits():
    inputs = keras.Input((4,))
    halves = [layers.Dense(3, "softmax")(layers.Dropout(0.5)(inputs)) for _ in range(2)]
    model = keras.Model(inputs, layers.Average()(halves))
    with pytest.raises(ValueError, match=r'keras\.layers\.Activation\("linear"\)'):
        zoo.with_coins(model, 3, vote="majority")
    said = keras.Model(inputs, layers.Activation("linear")(layers.Add()(halves)))
    found = zoo.with_coins(said, 3, vote="majority")
    assert next(layer for layer in found.layers if isinstance(layer, MajorityVote)).from_logits


@pytest.mark.on_tensorflow
def test_a_coin_that_rows_would_share_is_refused():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2)(layers.Dropout(0.5, noise_shape=(1, 4), name="all")(inputs)))
    with pytest.raises(ValueError, match="'all' with noise_shape"):
        zoo.with_coins(model, 3)


@pytest.mark.parametrize(
    ("samples", "vote", "chunk"),
    few_on_jax([(9, "majority", None), (9, "mean", 4), (60, "majority", 7)], (9, "mean", 4), unpack=True),
)
def test_padding_counts_neither_in_the_loss_nor_in_the_accuracy(samples, vote, chunk):
    """A mask that reaches the vote through layers that only hand it on."""
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Dropout(0.0)(layers.Embedding(9, 4, mask_zero=True)(inputs))
    x = layers.Dropout(1e-9)(x)  # a coin that never drops: the votes are sure
    model = keras.Model(inputs, layers.Dense(3, "softmax")(x))
    tokens = RNG.integers(1, 9, (5, 6)) * (np.arange(6) < [[2], [3], [6], [1], [4]])
    y = RNG.integers(0, 3, (5, 6))
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    truth = model.evaluate(tokens, y, verbose=0)
    coins = zoo.amplify(zoo.with_coins(model, 3), samples, vote, chunk=chunk)
    np.testing.assert_allclose(coins.evaluate(tokens, y, verbose=0), truth, rtol=1e-5)
    p, real = model.predict(tokens, verbose=0), tokens > 0
    np.testing.assert_allclose(truth[1], (p.argmax(-1) == y)[real].mean(), rtol=1e-6)


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(
    "use",
    [
        lambda m: zoo.with_coins(m),
        lambda m: zoo.amplify(m, 3),
        lambda m: zoo.flips(m, np.ones((1, 4))),
        lambda m: zoo.random_accuracy(m, np.ones((1, 4)), [0]),
        lambda m: zoo.uncertainty(m, np.ones((1, 4))),
        lambda m: zoo.reseed(m, 1),
        lambda m: zoo.export(m, "nowhere"),
    ],
)
def test_what_is_no_model_is_refused(use):
    for thing in (None, "resnet", 3):
        with pytest.raises(ValueError, match="`model` must be a Keras model"):
            use(thing)


@pytest.mark.on_tensorflow
def test_a_coin_before_an_embedding_is_refused():
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 4, name="tokens")(inputs)
    model = keras.Model(inputs, layers.Dense(2, "softmax")(layers.Flatten()(x)))
    with pytest.raises(ValueError, match=r"`where` must not choose an Embedding.*'tokens'"):
        zoo.with_coins(model, 3, rate=0.5, where="tokens")
