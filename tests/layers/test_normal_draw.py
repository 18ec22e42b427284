import re

import keras
import numpy as np
import pytest
from scipy import stats

from zoo.layers import NormalDraw

ROWS, MEAN, DEVIATION = 5000, np.array([-1.0, 0.5, 2.0]), np.array([0.5, 1.0, 3.0])


def draw(layer, mean=MEAN, deviation=DEVIATION, training=False):
    x = np.tile(np.concatenate([mean, deviation]).astype("float32"), (ROWS, 1))  # one shape: JAX compiles each anew
    return keras.ops.convert_to_numpy(layer(x, training=training)).astype("float64")


def independent(z):
    """Neighbouring units and rows have no correlation."""
    for a, b in ((z[:, 1:], z[:, :-1]), (z[1:], z[:-1])):
        assert abs(np.corrcoef(a.reshape(-1), b.reshape(-1))[0, 1]) < 5 / np.sqrt(a.size)


@pytest.mark.parametrize(("training", "flip_at_inference"), [(False, True), (True, True), (True, False)])
def test_draws_are_normal_and_independent(training, flip_at_inference):
    z = (draw(NormalDraw(flip_at_inference=flip_at_inference, seed=1), training=training) - MEAN) / DEVIATION
    assert z.shape == (ROWS, 3)
    assert (np.abs(z.mean(0)) < 5 / np.sqrt(ROWS)).all()
    assert (np.abs(z.var(0) - 1) < 5 * np.sqrt(2 / ROWS)).all()
    assert stats.kstest(z.reshape(-1), "norm").pvalue > 1e-6
    independent(z)


@pytest.mark.parametrize("gate", [0, 0.3, 1])
def test_a_gate_is_open_as_often_as_asked_for(gate):
    """The bias comes before the gate, the activation behind it: a closed gate gives exp(0)."""
    y = draw(NormalDraw(0.25, gate, "exponential", seed=2), mean=np.zeros(3), deviation=np.ones(3))
    is_open = y != 1
    assert (np.abs(is_open.mean(0) - gate) <= 5 * np.sqrt(gate * (1 - gate) / ROWS)).all()
    if gate:
        assert stats.kstest(np.log(y[is_open]) - 0.25, "norm").pvalue > 1e-6  # the gate is no function of the draw
    if gate == 0.3:
        independent(is_open)


@pytest.mark.parametrize("gate", [None, 0, 0.3, 1])
@pytest.mark.parametrize("bias", [None, -0.25])
def test_coins_off_give_the_activation_of_the_mean(gate, bias):
    layer = NormalDraw(bias, gate, "tanh", flip_at_inference=False, seed=3)
    expected = np.tanh((1 if gate is None else gate) * (MEAN + (bias or 0)))
    np.testing.assert_allclose(draw(layer), np.tile(expected, (ROWS, 1)), rtol=1e-5)
    assert keras.ops.convert_to_numpy(layer.seed_generator.state.value).tolist() == [3, 0]  # no number was drawn


@pytest.mark.parametrize("training", [False, True])
def test_a_deviation_of_zero_gives_the_mean(training):
    y = draw(NormalDraw(0.5, seed=1), deviation=np.zeros(3), training=training)
    np.testing.assert_array_equal(y, np.tile(MEAN + 0.5, (ROWS, 1)))


def test_seeds():
    layers = [NormalDraw(seed=seed) for seed in (1, np.int64(1), 2, 2**32 - 1, None, None)]
    first, same, *others = (draw(layer).reshape(-1, 3)[:, 0] for layer in layers)
    np.testing.assert_array_equal(first, same)
    following = draw(layers[0])[:, 0]
    assert (np.abs(np.corrcoef([first, following, *others]) - np.eye(6)) < 5 / np.sqrt(ROWS)).all()


def test_a_copy_without_coins_goes_on_with_the_stream():
    layer, twin = NormalDraw(gate=0.5, seed=4), NormalDraw(gate=0.5, seed=4)
    draw(layer), draw(twin)
    off = layer.with_flip_at_inference(False)
    assert (off.flip_at_inference, layer.flip_at_inference) == (False, True)
    np.testing.assert_array_equal(draw(off), np.tile(MEAN / 2, (ROWS, 1)))
    on = off.with_flip_at_inference(True)
    np.testing.assert_array_equal(draw(on), draw(twin))
    np.testing.assert_array_equal(draw(layer), draw(twin))
    assert [v.path for v in on.variables] == [v.path for v in layer.variables]
    assert len(on.variables) == 2  # of training and of inference


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_draws_as_float32_does(policy):
    standard = np.zeros(3), np.ones(3)
    drawn, wide = (draw_wide(NormalDraw(seed=1, dtype=dtype), *standard) for dtype in (policy, "float32"))
    np.testing.assert_allclose(drawn, wide, rtol=2**-8)
    assert np.unique(drawn).size > 700
    assert np.abs(drawn).max() > 3  # uniform numbers of bfloat16 end at 2.9 deviations


@pytest.mark.parametrize("gate", [0.003, 0.997])
def test_gates_are_flipped_in_float32(gate, low_floatx):
    ones, none = np.ones(200), np.zeros(200)
    t = draw_wide(NormalDraw(gate=gate, seed=1, dtype=low_floatx), ones, none)
    assert set(np.unique(t)) == {0.0, 1.0}
    assert abs(t.mean() - gate) < 5 * np.sqrt(gate * (1 - gate) / t.size)


@pytest.fixture(params=["bfloat16", "float16"])
def low_floatx(request):
    before = keras.config.floatx()
    keras.config.set_floatx(request.param)
    yield request.param
    keras.config.set_floatx(before)


def draw_wide(layer, mean, deviation):
    x = np.tile(np.concatenate([mean, deviation]).astype("float32"), (ROWS, 1))
    return keras.ops.convert_to_numpy(keras.ops.cast(layer(x), "float32")).astype("float64")


@pytest.mark.parametrize(
    ("argument", "value"),
    [("bias", value) for value in (np.nan, np.inf, True, "one")]
    + [("gate", value) for value in (-0.1, 1.1, np.nan, True, "half")]
    + [("flip_at_inference", value) for value in (1, None, "yes")]
    + [("seed", value) for value in (-1, 2**32, 1.5, True, "one")],
)
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {re.escape(f'{argument}={value!r}')}"):
        NormalDraw(**{argument: value})


@pytest.mark.parametrize("shape", [(5, 3), (5,), (5, 2, 4), (5, None), [(5, 2), (5, 2)]])
def test_bad_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=re.escape(f"takes (rows, 2 * units). Received: input_shape={shape}")):
        NormalDraw().compute_output_shape(shape)
