import re

import keras
import numpy as np
import pytest

import zoo
from zoo.layers import Amplify, CoinFlipDropout, MajorityVote, SharedDraws
from zoo.layers.coin_bits import kept

ONES = np.ones((100, 100))  # one shape: JAX compiles each anew


def flip(layer, x, training=False):
    return keras.ops.convert_to_numpy(layer(np.asarray(x, "float32"), training=training))


def network(rate=0.5, seed=7, units=4):
    inputs = keras.Input((3,))
    x = CoinFlipDropout(rate, seed=seed, name="coin")(Amplify(2)(inputs))
    return keras.Model(inputs, MajorityVote(2, "mean")(keras.layers.Dense(units)(x)))


@pytest.mark.parametrize("training", [False, True])
def test_rate_zero_gives_equal_flips(training):
    x = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(flip(CoinFlipDropout(0.0, seed=1), x, training), x)


@pytest.mark.parametrize("flip_at_inference", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_coins_are_on_in_training_and_where_asked_for(flip_at_inference, training):
    y = flip(CoinFlipDropout(0.5, flip_at_inference, seed=1), ONES, training)
    assert (y == 1).all() == (not training and not flip_at_inference)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_kept_fraction(rate):
    y = flip(CoinFlipDropout(rate, seed=2), ONES)
    sigma = np.sqrt(rate * (1 - rate) / y.size)
    assert abs((y != 0).mean() - (1 - rate)) < 5 * sigma
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("rate", [0.0003, 0.003, 0.05, 0.3, 0.5])
def test_mixed_precision_flips_the_coins_of_float32(rate, policy):
    def rounded(y):
        return keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.cast(y, policy.removeprefix("mixed_")), "float32"))

    x = rounded(np.random.default_rng(0).uniform(1, 2, (1000, 1000)))
    y = rounded(CoinFlipDropout(rate, seed=2, dtype=policy)(x))
    assert abs((y == 0).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / y.size)
    np.testing.assert_array_equal(y, rounded(flip(CoinFlipDropout(rate, seed=2), x)))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_mean_over_coins_is_the_input(rate):
    x, coins = np.array([-2.0, 0.5, 1.0, 3.0]), 2500
    y = flip(CoinFlipDropout(rate, seed=3), np.tile(x, (100, 25))).reshape(coins, 4)
    sigma = np.abs(x) * np.sqrt(rate / (1 - rate) / coins)
    assert (np.abs(y.mean(0) - x) < 5 * sigma).all()


def test_neighbours_flip_their_own_coins():
    on = flip(CoinFlipDropout(0.5, seed=4), ONES) != 0
    for agree in (on[:, 1:] == on[:, :-1], on[1:] == on[:-1]):  # units, rows
        assert abs(agree.mean() - 0.5) < 5 * 0.5 / np.sqrt(agree.size)


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("rate", [0.5, 0.75, 1 / 256, 1 / 65536, 0.3])  # of 1 or 8, 8, 16 and 24 bits
def test_coins_of_few_bits_are_independent_and_of_their_rate(rate, far):
    """Neighbours, four of which may come from a word, and coins an eighth of all apart, which may come from a byte."""
    coins = keras.ops.convert_to_numpy(kept((1000, 1024), rate, keras.random.SeedGenerator(5)))
    coins = coins.reshape(8, -1).T if far else coins.reshape(-1, 8)
    variance = rate * (1 - rate)
    assert abs(coins.mean() - (1 - rate)) < 5 * np.sqrt(variance / coins.size)
    covariance = np.cov(coins.astype(float).T) - variance * np.eye(8)
    bound = 5 * np.sqrt(variance * max(variance, (1 - 2 * rate) ** 2) / len(coins)) + 5 * variance / np.sqrt(len(coins))
    assert (np.abs(covariance) < bound).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
@pytest.mark.parametrize("rate", [0.5, 0.3])
def test_a_dropped_unit_is_zero_whatever_it_was(rate, value):
    y = flip(CoinFlipDropout(rate, seed=1), ONES * value)
    dropped = y == 0
    assert abs(dropped.mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / y.size)
    assert not np.signbit(y[dropped]).any()
    np.testing.assert_array_equal(y[~dropped], np.float32(value) * np.float32(1 / (1 - rate)))


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("noise_shape", [None, (None, 1)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_the_gradient_of_a_dropped_unit_is_zero(rate, dtype, training, noise_shape):
    import tensorflow as tf

    layer = CoinFlipDropout(rate, seed=1, dtype=dtype, noise_shape=noise_shape)
    x = tf.Variable(tf.ones((100, 100), dtype))

    @tf.function
    def gradient(upstream):
        with tf.GradientTape() as tape:
            y = layer(x, training=training)
        found = tape.gradient(y, x, tf.fill(y.shape, tf.cast(upstream, dtype)))
        return tf.cast(y, "float32"), tf.cast(found, "float32")

    y, found = (one.numpy() for one in gradient(3.0))
    np.testing.assert_allclose(found, 3 * y, rtol=1e-6 if dtype != "bfloat16" else 1e-2)
    y, found = (one.numpy() for one in gradient(float("nan")))
    np.testing.assert_array_equal(found[y == 0], 0)


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (2, 0)])
def test_coins_of_any_shape(shape):
    assert tuple(kept(shape, 0.5, keras.random.SeedGenerator(5)).shape) == shape


def test_seeds():
    x = ONES
    first, same, other = (CoinFlipDropout(0.5, seed=seed) for seed in (1, np.int64(1), 2))
    drawn = flip(first, x)
    np.testing.assert_array_equal(flip(same, x), drawn)
    assert not np.array_equal(flip(other, x), drawn)
    assert not np.array_equal(flip(first, x), drawn)  # the next flip is another one
    assert not np.array_equal(flip(CoinFlipDropout(0.5), x), flip(CoinFlipDropout(0.5), x))


def test_weights_file_without_a_random_state_loads(tmp_path, monkeypatch):
    model, other = network(seed=7), network(seed=8)
    state = keras.ops.convert_to_numpy(other.get_layer("coin").seed_generator.state.value)
    with monkeypatch.context() as patch:
        patch.setattr(CoinFlipDropout, "save_own_variables", lambda self, store: None)
        model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(other.get_layer("coin").seed_generator.state.value), state)


def test_a_mask_passes_through():
    y = CoinFlipDropout(0.5, seed=1)(keras.layers.Masking()(np.array([[[1.0], [0.0]]], "float32")))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(y._keras_mask), [[True, False]])


@pytest.mark.parametrize(
    ("argument", "value"),
    [("rate", value) for value in (-0.1, 1.0, 1.5, float("nan"), True, None, "half")]
    + [("seed", value) for value in (-1, 2**32, 1.5, True, "one")],
)
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {re.escape(f'{argument}={value!r}')}"):
        CoinFlipDropout(**{"rate": 0.5, argument: value})


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_extreme_seeds_draw(seed):
    assert set(np.unique(flip(CoinFlipDropout(0.5, seed=seed), ONES))) == {0.0, 2.0}


def test_noise_shape_shares_coins_along_axes():
    x = np.ones((30, 4, 5, 6), "float32")
    y = keras.ops.convert_to_numpy(CoinFlipDropout(0.5, seed=1, noise_shape=(None, 1, 1, None))(x))
    assert (y == y[:, :1, :1]).all()
    assert 0 < (y == 0).mean() < 1
    for shape in ((1, None), (2, None), 3, (), (None, 2)):
        with pytest.raises(ValueError, match="`noise_shape` must be a tuple of None and 1"):
            CoinFlipDropout(0.5, noise_shape=shape)
    with pytest.raises(ValueError, match="one length for each axis"):
        CoinFlipDropout(0.5, noise_shape=(None, 1))(x)


@pytest.mark.parametrize("chunk", [None, 7])
def test_draws_give_all_examples_the_mask_of_a_flip(chunk):
    """Equal examples then agree in every flip, and flips still differ."""
    inputs = keras.Input((3,))
    rows = CoinFlipDropout(0.5, seed=1)([Amplify(5)(inputs), SharedDraws(5)(inputs)])
    model = keras.Model(inputs, MajorityVote(5)(rows))
    x = np.array([[1.0, 2.0, 3.0]] * 4 + [[3.0, 2.0, 1.0]])
    logits = zoo.flips(model, x, 40, outputs="logits", chunk=chunk)
    assert (logits[:4] == logits[:1]).all()
    np.testing.assert_array_equal(logits[4] == 0, logits[0] == 0)
    assert len({tuple(row) for row in logits[0].tolist()}) > 4
    many = zoo.amplify(model, 60, chunk=chunk).predict(x, verbose=0)
    np.testing.assert_allclose(many[:4], many[[0] * 4], atol=1e-5)
    off = zoo.amplify(model, 1, "expected").predict(x, verbose=0)
    np.testing.assert_allclose(off, np.exp(x) / np.exp(x).sum(1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["int32", "uint8"])
def test_integers_are_refused(dtype):
    with pytest.raises(ValueError, match=f"`inputs` of 'coin' must be floats. Received: inputs of dtype {dtype}"):
        CoinFlipDropout(0.5, name="coin")(keras.ops.ones((1, 2), dtype))


def test_shared_draws_round_once():
    """The scale 1 / 0.7 itself has an error in bfloat16; the product in float32, rounded, is what NumPy finds."""
    x = np.arange(1, 257, dtype="float32")[None]
    layer = CoinFlipDropout(0.3, seed=1, dtype="bfloat16")
    y = keras.ops.convert_to_numpy(keras.ops.cast(layer([x, np.zeros((1, 1), "float32")]), "float32"))
    wanted = keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.cast(x / np.float32(0.7), "bfloat16"), "float32"))
    assert 0 < (y == 0).sum() < 256
    np.testing.assert_array_equal(y[y != 0], wanted[y != 0])
