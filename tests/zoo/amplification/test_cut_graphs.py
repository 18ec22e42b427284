"""What Keras keeps beside a model's graph, masks and losses, where the graph is cut into parts that run apart."""

import keras
import numpy as np
import pytest

import zoo
from zoo.layers import Amplify, CoinFlip, CoinFlipDropout, CoinLayer, MajorityVote

TOKENS = np.array([[1, 2, 0, 0, 0, 0], [3, 4, 5, 0, 0, 0]])
ONES, ZEROS = np.ones((8, 4)), np.zeros(8)
NO_COIN = 1e-7  # a rate of dropout at which no coin falls: votes are the plain model's outputs


def embedded():
    """Tokens and what they are embedded as, with a mask; padding is far from 0, so that a lost mask is seen."""
    tokens = keras.Input((6,), dtype="int32")
    far = keras.initializers.RandomNormal(stddev=3, seed=1)
    return tokens, keras.layers.Embedding(9, 4, mask_zero=True, embeddings_initializer=far)(tokens)


def softmax(x):
    return keras.layers.Dense(3, activation="softmax", kernel_initializer=keras.initializers.Orthogonal(seed=2))(x)


def attention(h):
    return keras.layers.GlobalAveragePooling1D()(keras.layers.MultiHeadAttention(1, 4)(h, h))


def lstm(h, **call):
    return keras.layers.LSTM(3, dtype=call.pop("dtype", None))(h, **call)


BEHIND = {
    "two arguments": attention,
    "a keyword": lambda h: lstm(h, training=None),
    "another dtype": lambda h: lstm(h, dtype="float64"),
}


@pytest.mark.every_backend
@pytest.mark.parametrize(
    "kind", ["two arguments", "a keyword", pytest.param("another dtype", marks=pytest.mark.on_tensorflow)]
)
def test_a_mask_reaches_what_is_behind_the_coins(kind):
    tokens, x = embedded()
    model = keras.Model(tokens, softmax(BEHIND[kind](keras.layers.Dropout(NO_COIN)(x))))
    wanted = model.predict(TOKENS, verbose=0)
    coins = zoo.with_coins(model, samples=3, vote="mean", seed=0)
    for made in (coins, zoo.amplify(coins, 40, "mean")):
        np.testing.assert_allclose(made.predict(TOKENS, verbose=0), wanted, atol=1e-5)
    np.testing.assert_allclose(zoo.flips(coins, TOKENS, 2, outputs="probabilities").mean(1), wanted, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")  # Keras's, of the plain model
def test_a_mask_reaches_a_nested_model():
    tokens, x = embedded()
    given = keras.Input((6, 4))
    inner = keras.Model(given, softmax(lstm(keras.layers.Dropout(NO_COIN)(given))))
    wanted = keras.Model(tokens, inner(x)).predict(TOKENS, verbose=0)
    outside = zoo.with_coins(keras.Model(tokens, inner(x)), samples=40, vote="mean", seed=0)
    inside = keras.Model(tokens, zoo.with_coins(inner, samples=40, vote="mean", seed=0)(x))
    for model in (outside, inside, zoo.amplify(inside, 30, "mean")):
        np.testing.assert_allclose(model.predict(TOKENS, verbose=0), wanted, atol=1e-5)


class Penalised(CoinLayer):
    """A coin that adds 1000 to the loss."""

    def call(self, inputs, training=None):
        self.add_loss(keras.ops.convert_to_tensor(1000.0))
        return inputs


@pytest.mark.every_backend
def test_losses_of_layers_are_added_however_the_flips_run():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, MajorityVote(5)(keras.layers.Dense(3)(Penalised()(Amplify(5)(inputs)))))
    model.compile("sgd", "sparse_categorical_crossentropy")
    for samples, vote in ((5, "majority"), (5, "mean"), (60, "mean"), (1, "expected")):
        loss = zoo.amplify(model, samples, vote).evaluate(ONES, ZEROS, verbose=0)
        assert 1000 <= loss < 1020


@pytest.mark.every_backend
def test_regularizers_of_activities_are_those_of_the_mean_flip():
    strong = keras.regularizers.L2(100.0)
    dense = keras.layers.Dense(4, kernel_initializer="identity", activity_regularizer=strong)
    layers = [keras.layers.Dropout(0.5), dense, keras.layers.Dense(3, kernel_initializer="zeros", activation="softmax")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert model.evaluate(ONES, ZEROS, verbose=0) == pytest.approx(400 + np.log(3), rel=1e-4)
    coins = zoo.with_coins(model, samples=5, seed=0)
    for samples in (5, 1000):  # dropout doubles what it keeps, half of four: 800 on average, deviation 400
        loss = zoo.amplify(coins, samples).evaluate(ONES, ZEROS, verbose=0)
        assert loss == pytest.approx(800, abs=6 * 400 / np.sqrt(8 * samples))


def test_names_of_inputs_are_never_guessed():
    given = {name: keras.Input((4,), name=name) for name in "ba"}
    h = keras.layers.Subtract()([given["b"], given["a"]])
    coins = zoo.with_coins(keras.Model(given, softmax(keras.layers.Dropout(0.5)(h))), samples=3, seed=0)
    found = [zoo.flips(coins, {key: ONES * (key == "a") for key in keys}, 4, seed=1) for keys in ("ab", "ba")]
    np.testing.assert_array_equal(*found)
    with pytest.raises(ValueError, match=r"`x` must have the inputs b, a\. Missing: a"):
        zoo.flips(coins, {"b": ONES, "c": ONES}, 4)


@pytest.mark.on_tensorflow
def test_losses_are_added_in_double_precision():
    keras.config.set_floatx("float64")
    try:
        dense = keras.layers.Dense(4, kernel_initializer="identity", activity_regularizer=keras.regularizers.L2(1.0))
        layers = [keras.layers.GaussianNoise(1e-9), dense, keras.layers.Dense(3, "softmax", kernel_initializer="zeros")]
        model = keras.Sequential([keras.Input((4,)), *layers])
        model.compile("sgd", "sparse_categorical_crossentropy")
        loss = zoo.amplify(zoo.with_coins(model, seed=0), 60).evaluate(ONES, ZEROS, verbose=0)
    finally:
        keras.config.set_floatx("float32")
    assert loss == pytest.approx(4 + np.log(3), rel=1e-6)


def test_the_regularizer_of_a_layer_that_flips_itself():
    recurrent = keras.layers.LSTM(6, dropout=0.5, activity_regularizer=keras.regularizers.L2(1e6), seed=3)
    model = keras.Sequential([keras.Input((5, 4)), recurrent, keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    plain = model.evaluate(np.ones((8, 5, 4)), ZEROS, verbose=0)
    coins = zoo.with_coins(model, samples=3, vote="mean", seed=0).evaluate(np.ones((8, 5, 4)), ZEROS, verbose=0)
    assert 0.1 < coins / plain < 10  # without it 1e-5


@pytest.mark.on_tensorflow
def test_more_flips_than_run_at_once_are_compiled_by_xla():
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(3, activation="softmax")]
    )
    coins = zoo.with_coins(model, samples=5, seed=0)
    coins.compile("sgd", "sparse_categorical_crossentropy", jit_compile=True)
    for samples, chunk in ((26, None), (100, 7)):
        votes = zoo.amplify(coins, samples, chunk=chunk).predict(ONES[:3], verbose=0)
        np.testing.assert_allclose(votes.sum(-1), 1, atol=1e-5)
        thirds = votes * samples * 3  # where all is dropped three classes share a vote
        np.testing.assert_allclose(thirds, np.round(thirds), atol=1e-2)


def test_inputs_by_name_are_in_the_model_s_order():
    words, chars = keras.Input((3,), dtype="int32", name="words"), keras.Input((3, 1), name="chars")
    h = keras.layers.Concatenate()([keras.layers.Embedding(9, 4, mask_zero=True)(words), chars])
    model = keras.Model([words, chars], softmax(keras.layers.Dropout(0.5)(h)))
    coins = zoo.with_coins(model, samples=3, seed=0)
    given = {"words": np.array([[1, 0, 0], [2, 3, 0]]), "chars": np.ones((2, 3, 1))}
    found = [zoo.flips(coins, x, 4, seed=1) for x in (given, [given["words"], given["chars"]])]
    np.testing.assert_array_equal(*found)
    masks = [coins(x)._keras_mask for x in (given, [given["words"], given["chars"]])]
    np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, masks))
    with pytest.raises(ValueError, match=r"`x` must have the inputs words, chars\. Missing: chars"):
        zoo.flips(coins, {"words": given["words"], "char": given["chars"]}, 4)


def test_a_sequential_model_may_get_another_head():
    layers = [Amplify(5), CoinFlipDropout(0.5), keras.layers.Dense(3), MajorityVote(5)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    assert zoo.amplify(model, 7).predict(ONES, verbose=0).shape == (8, 3)
    assert zoo.flips(model, ONES, 2, outputs="logits").shape == (8, 2, 3)
    model.pop()
    model.pop()
    model.add(keras.layers.Dense(10))
    model.add(MajorityVote(5))
    assert zoo.amplify(model, 7).predict(ONES, verbose=0).shape == (8, 10)
    assert zoo.flips(model, ONES, 2, outputs="logits").shape == (8, 2, 10)


def test_losses_by_the_names_of_outputs_go_to_their_votes():
    inputs = keras.Input((4,))
    h = keras.layers.Dropout(0.5)(inputs)
    heads = [keras.layers.Dense(n, activation="softmax", name=name)(h) for n, name in ((3, "a"), (2, "b"))]
    model = keras.Model(inputs, heads)
    loss = "sparse_categorical_crossentropy"
    model.compile("sgd", {"a": loss, "b": loss}, loss_weights={"a": 1.0, "b": 0.0}, metrics={"a": ["accuracy"]})
    coins = zoo.with_coins(model, samples=3, seed=0)
    found = coins.evaluate(ONES, {"a_vote": ZEROS, "b_vote": ZEROS}, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(found["a_vote_loss"])
    assert "a_vote_accuracy" in found


def test_an_input_may_be_left_out_where_the_model_says_so():
    class Sum(keras.layers.Layer):
        def call(self, x, y=None):
            return x if y is None else x + y

    given = [keras.Input((4,)), keras.Input((4,), optional=True, name="more")]
    model = keras.Model(given, softmax(keras.layers.Dropout(NO_COIN)(Sum()(*given))))
    coins = zoo.with_coins(model, samples=3, vote="mean", seed=0)
    found, wanted = (keras.ops.convert_to_numpy(one([ONES, None])) for one in (coins, model))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.every_backend
@pytest.mark.parametrize(
    ("policy", "value"), [("mixed_bfloat16", 1.003), ("mixed_float16", 1e5), ("mixed_float16", 1e-9)]
)
def test_weights_of_float32_layers_are_not_rounded_in_mixed_precision(policy, value):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((1,))
        h = keras.layers.GaussianNoise(1e-9)(inputs)
        constant = keras.initializers.Constant(value)
        model = keras.Model(
            inputs, keras.layers.Dense(1, dtype="float32", use_bias=False, kernel_initializer=constant)(h)
        )
        coins = zoo.with_coins(model, 25, seed=0)
        inner = keras.Sequential(
            [keras.layers.GaussianNoise(1e-9), keras.layers.Dense(1, dtype="float32", use_bias=False)]
        )
        inner.build((1, 1))
        inner.set_weights([np.full((1, 1), value)])
        flips = [CoinFlip(inner, seed=0)(np.ones((2, 1)))]
        flips += [one.predict(np.ones((2, 1)), verbose=0) for one in (coins, zoo.amplify(coins, 60, "mean"))]
    finally:
        keras.config.set_dtype_policy(before)
    for found in flips:
        np.testing.assert_allclose(keras.ops.convert_to_numpy(found), value, rtol=1e-5)
