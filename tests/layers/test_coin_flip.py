"""CoinFlip: the law of what it wraps, its modes, its streams of coins."""

import contextlib
import threading

import keras
import numpy as np
import pytest

from zoo.layers import CoinFlip, CoinFlipDropout

ONES = np.ones((400, 50), "float32")


def numpy(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


def test_dropout_at_inference_follows_its_law():
    y = numpy(CoinFlip(keras.layers.Dropout(0.3), seed=1)(ONES))
    assert set(np.unique(y.round(5))) == {0, np.float32(1 / 0.7).round(5)}
    assert abs((y == 0).mean() - 0.3) < 5 * np.sqrt(0.21 / ONES.size)


def test_modes():
    inner = keras.layers.GaussianNoise(1.0)
    on, off = CoinFlip(inner, seed=1), CoinFlip(inner, flip_at_inference=False, seed=1)
    assert (numpy(on(ONES)) != ONES).all()
    np.testing.assert_array_equal(numpy(off(ONES)), ONES)
    assert (numpy(off(ONES, training=True)) != ONES).all()
    np.testing.assert_array_equal(numpy(on.with_flip_at_inference(False)(ONES)), ONES)
    fixed = CoinFlip(inner, flip_at_inference=False, fixed=True)
    assert fixed.with_flip_at_inference(True) is fixed


def test_a_copy_goes_on_with_the_stream():
    layer, twin = (CoinFlip(keras.layers.Dropout(0.5), seed=1) for _ in range(2))
    copy = layer.with_flip_at_inference(False).with_flip_at_inference(True)
    np.testing.assert_array_equal(numpy(copy(ONES)), numpy(twin(ONES)))
    np.testing.assert_array_equal(numpy(layer(ONES)), numpy(twin(ONES)))


def test_inference_does_not_change_what_training_draws():
    layers = [CoinFlip(keras.layers.Dropout(0.5, seed=3), seed=1) for _ in range(2)]
    for _ in range(3):
        layers[0](ONES)
    np.testing.assert_array_equal(*(numpy(layer(ONES, training=True)) for layer in layers))


def test_two_generators_inside_draw_different_numbers():
    both = keras.Sequential([keras.Input((50,)), keras.layers.Dropout(0.5, seed=1), keras.layers.Dropout(0.5, seed=1)])
    y = numpy(CoinFlip(both, seed=1)(ONES))
    share = (y != 0).mean()
    assert abs(share - 0.25) < 5 * np.sqrt(0.1875 / ONES.size)  # 0.5 if they drew alike


def test_a_rate_is_set_for_the_call_only():
    inner = keras.layers.TimeDistributed(keras.layers.Dropout(0.5))
    x = np.ones((200, 3, 20), "float32")
    y = numpy(CoinFlip(inner, rate=0.1, seed=1)(x))
    assert abs((y == 0).mean() - 0.1) < 5 * np.sqrt(0.09 / x.size)
    assert inner.layer.rate == 0.5


class Meeting(keras.layers.Dropout):
    """Dropout whose calls wait half a second for a second one."""

    both = threading.Barrier(2)

    def call(self, inputs, training=False):
        with contextlib.suppress(threading.BrokenBarrierError):
            self.both.wait(timeout=0.5)
        return super().call(inputs, training=training)


def test_threads_that_share_a_layer_keep_their_rates():
    inner, dropped = Meeting(0.5), {}

    def flip(rate):
        dropped[rate] = (numpy(CoinFlip(inner, rate=rate, seed=1)(ONES)) == 0).mean()

    threads = [threading.Thread(target=flip, args=(rate,)) for rate in (0.1, 0.9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {rate: round(share, 1) for rate, share in dropped.items()} == {0.1: 0.1, 0.9: 0.9}
    assert inner.rate == 0.5


def test_the_mode_does_not_leak_into_the_next_layer():
    """A layer whose call does not know of training has its mode from around it."""

    class Block(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.flip, self.dropout = CoinFlip(keras.layers.GaussianNoise(1e-9), seed=1), keras.layers.Dropout(0.5)

        def call(self, inputs):
            return self.dropout(self.flip(inputs))

    np.testing.assert_allclose(numpy(Block()(ONES)), ONES, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "mixed_bfloat16"])
def test_it_computes_as_what_it_wraps(dtype):
    inner = keras.layers.Dropout(0.5, dtype=dtype)
    layer = CoinFlip(inner, seed=1)
    low = dtype.removeprefix("mixed_")
    assert keras.backend.standardize_dtype(layer(ONES).dtype) == layer(keras.Input((50,))).dtype == low


def test_attention_takes_its_own_arguments():
    attention = keras.layers.MultiHeadAttention(2, 3, dropout=0.5)
    x = np.random.default_rng(0).normal(size=(3, 4, 6)).astype("float32")
    plain = numpy(attention(x, x, use_causal_mask=True))
    layer = CoinFlip(attention, seed=1)
    assert (numpy(layer(x, value=x, use_causal_mask=True)) != plain).any()
    off = layer.with_flip_at_inference(False)
    np.testing.assert_array_equal(numpy(off(x, value=x, use_causal_mask=True)), plain)


def test_wrong_layers():
    for layer in (None, "dropout", CoinFlipDropout):
        with pytest.raises(ValueError, match="`layer` must be a Keras layer"):
            CoinFlip(layer)
    with pytest.raises(ValueError, match=r"`rate` must be in \[0, 1\)"):
        CoinFlip(keras.layers.Dropout(0.5), rate=1.0)
    with pytest.raises(ValueError, match="`layer` must draw random numbers in training"):
        CoinFlip(keras.layers.Dense(3))(ONES)
    with pytest.raises(ValueError, match=r"must not update weights.*BatchNormalization"):
        CoinFlip(keras.layers.BatchNormalization())


def test_a_file_keeps_the_precision_of_a_layer_whose_configuration_does_not():
    layer = CoinFlip(keras.layers.SpatialDropout2D(0.37, dtype="mixed_bfloat16"), seed=1, dtype="mixed_bfloat16")
    again = CoinFlip.from_config(layer.get_config())
    assert again.layer.dtype_policy.name == layer.layer.dtype_policy.name == "mixed_bfloat16"
    x = np.ones((2, 3, 3, 9), "float32")
    first, second = (keras.ops.convert_to_numpy(keras.ops.cast(one(x), "float32")) for one in (layer, again))
    np.testing.assert_array_equal(first, second)
