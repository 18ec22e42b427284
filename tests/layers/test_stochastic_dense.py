import re

import keras
import numpy as np
import pytest
from gradients import gradients
from scipy import stats

import zoo
from zoo.layers import Amplify, KernelMoments, MajorityVote, NormalDraw, StochasticDense

ROWS = 5000
X = np.array([1.0, -2.0, 0.5], "float32")
LOC = np.array([[0.5, -1.0], [0.25, 0.0], [-2.0, 1.5]], "float32")
SCALE = np.array([[0.5, 0.0], [1.0, 0.5], [2.0, 0.125]], "float32")


@keras.saving.register_keras_serializable(package="tests")
def skewed(shape, seed):
    """Exponential noise, of mean 0 and variance 1."""
    return -keras.ops.log1p(-keras.random.uniform(shape, seed=seed)) - 1


@keras.saving.register_keras_serializable(package="tests")
def no_seed(shape):
    """No sampler: it takes no seed."""
    return keras.ops.ones(shape)


@keras.saving.register_keras_serializable(package="tests")
def one_number(shape, seed):
    """No sampler either: its shape is its own."""
    return keras.ops.ones((1,))


NOISE = {  # by NumPy
    "normal": lambda rng, *shape: rng.normal(size=shape),
    "uniform": lambda rng, *shape: rng.uniform(-np.sqrt(3), np.sqrt(3), shape),
    "sign": lambda rng, *shape: rng.choice([-1.0, 1.0], shape),
    "tests>skewed": lambda rng, *shape: rng.exponential(size=shape) - 1,
}
KINDS = [{"law": law} for law in NOISE] + [{"shared": True}, {"law": "sign", "shared": True}]
KIND_IDS = [*NOISE, "shared", "sign shared"]
constant = keras.initializers.Constant
each_kind = pytest.mark.parametrize("kind", KINDS, ids=KIND_IDS)


def dense(kind=None, loc=LOC, scale=SCALE, **kwargs):
    return StochasticDense(loc.shape[1], constant(loc), constant(scale), **{"seed": 1, **(kind or {}), **kwargs})


def flips(layer, x=X, rows=ROWS, training=False):
    """Outputs of equal rows; few shapes, as JAX compiles each anew."""
    return keras.ops.convert_to_numpy(layer(np.tile(np.asarray(x, "float32"), (rows, 1)), training=training))


def independent(z):
    """Neighbouring units and rows have no correlation."""
    for a, b in ((z[:, 1:], z[:, :-1]), (z[1:], z[:-1])):
        assert abs(np.corrcoef(a.reshape(-1), b.reshape(-1))[0, 1]) < 5 / np.sqrt(a.size)


@pytest.mark.parametrize("trainable", [True, False])
def test_weights_are_trained_where_asked_for(trainable):
    layer = StochasticDense(4, trainable=trainable)
    layer.build((None, 3))
    assert (len(layer.trainable_weights), len(layer.weights)) == (2 * trainable, 2)


@pytest.mark.parametrize("law", NOISE)
@pytest.mark.parametrize(("training", "flip_at_inference"), [(False, True), (True, False)])
def test_outputs_have_the_law_of_kernels_drawn_for_every_row(law, training, flip_at_inference):
    y = flips(dense(law=law, flip_at_inference=flip_at_inference), training=training).astype("float64")
    noise = NOISE[law](np.random.default_rng(2), ROWS, 3, 2)
    simulated = np.einsum("i,riu->ru", X, LOC + SCALE * noise)
    deviation = np.sqrt(X**2 @ SCALE**2)
    assert (np.abs(y.mean(0) - X @ LOC) < 5 * deviation / np.sqrt(ROWS)).all()
    for drawn, expected in zip(y.T, simulated.T, strict=True):  # rounded: signs give few numbers, none halfway
        assert stats.ks_2samp((drawn + 3e-4).round(3), (expected + 3e-4).round(3)).pvalue > 1e-6
    independent(y - X @ LOC)


@pytest.mark.parametrize("law", NOISE)
@pytest.mark.parametrize("shared", [False, True])
def test_of_one_input_the_output_is_the_noise(law, shared):
    """By row, or by unit of the one kernel that all rows meet."""
    rows, units = (2, ROWS) if shared else (ROWS, 2)
    layer = dense(
        None, np.full((1, units), 0.5, "float32"), np.full((1, units), 0.25, "float32"), law=law, shared=shared
    )
    z = (flips(layer, [1.0], rows).astype("float64") - 0.5) / 0.25
    if shared:
        np.testing.assert_array_equal(z[0], z[1])
    z = z[0] if shared else z.reshape(-1)
    if law == "sign":
        assert set(np.unique(z.round(5))) == {-1, 1}
        assert abs(z.mean()) < 5 / np.sqrt(z.size)
    else:
        named = {
            "normal": ("norm",),
            "uniform": ("uniform", (-np.sqrt(3), 2 * np.sqrt(3))),
            "tests>skewed": ("expon", (-1,)),
        }
        assert stats.kstest(z, *named[law]).pvalue > 1e-6


@pytest.mark.parametrize("law", NOISE)
def test_all_rows_of_a_call_meet_one_kernel_where_shared(law):
    layer, a = dense(law=law, shared=True), np.random.default_rng(3).normal(size=(3, 3))
    x = np.concatenate([np.eye(3), a, a]).astype("float32")  # of the identity the output is the kernel
    calls = [keras.ops.convert_to_numpy(layer(x, training=training)) for training in (False, True)]
    for y in calls:
        np.testing.assert_allclose(y[3:6], a @ y[:3], atol=1e-5)
        np.testing.assert_array_equal(y[3:6], y[6:])
        assert y[0, 1] == LOC[0, 1]  # of scale 0
    drawn = SCALE > 0
    assert (calls[0][:3][drawn] != LOC[drawn]).all()
    assert (calls[0][:3][drawn] != calls[1][:3][drawn]).any()


@each_kind
def test_a_scale_of_zero_makes_a_dense_layer(kind):
    layer = dense(kind, scale=np.zeros((3, 2), "float32"), activation="tanh")
    x = np.random.default_rng(4).normal(size=(5, 3)).astype("float32")
    like = keras.layers.Dense(2, "tanh", use_bias=False)
    like.build((None, 3))
    like.set_weights([LOC])
    for training in (False, True):
        y = keras.ops.convert_to_numpy(layer(x, training=training))
        np.testing.assert_allclose(y, keras.ops.convert_to_numpy(like(x)), atol=1e-6)


@each_kind
@pytest.mark.parametrize("gate", [0, 0.3, 1])
def test_a_gate_is_open_as_often_as_asked_for(kind, gate):
    """A coin for every row and unit or, if shared, for every unit; the bias comes before it."""
    shared = kind.get("shared", False)
    rows, units = (2, ROWS) if shared else (ROWS, 2)
    ones = np.ones((1, units), "float32")
    y = flips(dense(kind, ones, 0 * ones, bias=0.5, gate=gate, activation="exponential"), [2.0], rows)
    np.testing.assert_allclose(np.unique(y), np.exp([0, 2.5])[[gate < 1, gate > 0]], rtol=1e-6)
    if shared:
        np.testing.assert_array_equal(y[0], y[1])
    is_open = (y[:1].T if shared else y) != 1
    assert (np.abs(is_open.mean(0) - gate) <= 5 * np.sqrt(gate * (1 - gate) / ROWS)).all()
    if gate == 0.3 and not shared:
        independent(is_open)


@each_kind
@pytest.mark.parametrize(("gate", "bias"), [(None, None), (0.3, -0.25)])
def test_coins_off_give_the_activation_of_the_mean(kind, gate, bias):
    layer = dense(kind, bias=bias, gate=gate, activation="tanh", flip_at_inference=False)
    expected = np.tanh((gate or 1) * (X @ LOC + (bias or 0)))
    np.testing.assert_allclose(flips(layer, rows=2), np.tile(expected, (2, 1)), rtol=1e-5)
    assert keras.ops.convert_to_numpy(layer.seed_generator.state.value).tolist() == [1, 0]  # no number was drawn


@pytest.mark.parametrize("law", NOISE)
def test_seeds(law):
    layers = [dense(law=law, seed=seed) for seed in (1, np.int64(1), 2, 2**32 - 1, None, None)]
    first, same, *others = (flips(layer)[:, 0] for layer in layers)
    np.testing.assert_array_equal(first, same)
    following = flips(layers[0])[:, 0]
    assert (np.abs(np.corrcoef([first, following, *others]) - np.eye(6)) < 5 / np.sqrt(ROWS)).all()


@pytest.mark.parametrize("law", ["normal", "sign"])
def test_gradients_are_those_of_the_mean_square(law):
    """E[y^2] = mean^2 + deviation^2; each row's gradient has a variance of its own law, in closed form."""
    x, loc, scale = (a[:, None].astype("float64") for a in (X, LOC[:, 0], SCALE[:, 0]))
    layer = dense(law=law, loc=loc.astype("float32"), scale=scale.astype("float32"))
    layer.build((None, 3))
    rows = np.tile(X, (ROWS, 1))
    if keras.backend.backend() == "jax":
        import jax

        state = [v.value for v in layer.non_trainable_variables]
        square = lambda w: keras.ops.mean(layer.stateless_call(w, state, rows)[0] ** 2)  # noqa: E731
        value, found = jax.jit(jax.value_and_grad(square))([w.value for w in layer.trainable_variables])
    else:
        value, found = gradients(lambda: keras.ops.mean(layer(rows) ** 2), variables=layer.trainable_variables)
    mean, variance = (x * loc).sum(), (x**2 * scale**2).sum()
    fourth = 3 * variance**2 if law == "normal" else 3 * variance**2 - 2 * (x**4 * scale**4).sum()
    of_square = np.sqrt(4 * mean**2 * variance + fourth - variance**2)  # neither law is skewed
    slope = 1 - np.exp(-scale)  # of softplus
    if law == "normal":  # d y / d scale = noise * x^2 scale / deviation
        of_scale = x**2 * scale * np.sqrt((mean**2 + 2 * variance) / variance)
    else:  # d y / d scale = noise * x
        of_scale = np.abs(x) * np.sqrt(mean**2 + variance - x**2 * scale**2)
    sigmas = (of_square, 2 * np.abs(x) * np.sqrt(variance), 2 * slope * of_scale)
    expected = (mean**2 + variance, 2 * mean * x, 2 * slope * x**2 * scale)
    for got, wanted, sigma in zip((value, *found), expected, sigmas, strict=True):
        assert (np.abs(np.asarray(got) - wanted) < 5 * sigma / np.sqrt(ROWS)).all()


@pytest.mark.parametrize("law", ["normal", "uniform", "sign"])
@pytest.mark.parametrize("floatx", ["bfloat16", "float16"])
def test_noise_is_drawn_in_float32_whatever_floatx_is(law, floatx):
    sampler, before = StochasticDense(1, law=law).sampler, keras.config.floatx()
    expected = keras.ops.convert_to_numpy(sampler((100, 100, 1), seed=1))
    keras.config.set_floatx(floatx)
    try:
        drawn = keras.ops.convert_to_numpy(keras.ops.cast(sampler((100, 100, 1), seed=1), "float32"))
    finally:
        keras.config.set_floatx(before)
    np.testing.assert_array_equal(drawn, expected)


@each_kind
@pytest.mark.parametrize("built", [False, True])
def test_a_copy_shares_weights_and_stream(kind, built):
    layer, twin = dense(kind, gate=0.5), dense(kind, gate=0.5)
    if built:
        flips(layer), flips(twin)
    off = layer.with_flip_at_inference(False)
    assert (off.flip_at_inference, layer.flip_at_inference) == (False, True)
    np.testing.assert_allclose(flips(off), np.tile(X @ LOC / 2, (ROWS, 1)), rtol=1e-5)
    on = off.with_flip_at_inference(True)
    np.testing.assert_array_equal(flips(on), flips(twin))
    np.testing.assert_array_equal(flips(layer), flips(twin))
    layer.moments.loc.assign(0 * LOC)
    np.testing.assert_array_equal(flips(off), np.zeros((ROWS, 2)))
    for copy in (off, on):
        assert {id(v) for v in copy.variables} == {id(v) for v in layer.variables}
        assert len(copy.variables) == 4


def behind_amplify(bias):
    return [Amplify(5), dense(loc=LOC[:, :1], scale=SCALE[:, :1], bias=bias)]


def around_amplify(bias):
    first = KernelMoments(1, constant(LOC[:, :1]), constant(SCALE[:, :1]))
    return [first, Amplify(5), NormalDraw(bias, seed=1)]


@pytest.mark.parametrize("layers", [behind_amplify, around_amplify])
def test_a_model_flips_by_its_closed_form(layers):
    """Class 1 where the one unit is positive; with coins off where its mean is."""
    logits = keras.layers.Dense(2, use_bias=False, kernel_initializer=constant(np.array([[-1.0, 1.0]])))
    model = keras.Sequential([keras.Input((3,)), *layers(0.5), logits, MajorityVote(5)])
    x = np.array([X, [1, 0, 0], [-2, 1, 0], [0, 0, 0.5], [0, 0, 0]], "float32")
    mean, deviation = (x @ LOC[:, 0]).astype("float64") + 0.5, np.sqrt(x**2 @ SCALE[:, 0] ** 2)
    share = stats.norm.cdf(mean / np.maximum(deviation, 1e-9))
    sigma = np.sqrt(share * (1 - share) / ROWS)
    assert (np.abs(zoo.flips(model, x, ROWS, chunk=ROWS).mean(1) - share) <= 5 * sigma).all()
    expected = zoo.amplify(model, 1, "expected").predict(x, verbose=0)
    np.testing.assert_allclose(expected[:, 1], 1 / (1 + np.exp(-2 * mean)), atol=1e-5)
    assert not np.array_equal(model.predict(x, verbose=0), expected)  # it goes on flipping


def test_a_model_is_built_by_its_first_batch():
    model = keras.Sequential([StochasticDense(3), StochasticDense(1, law="sign")])
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(np.tile(X, (40, 1)), np.zeros((40, 1))))


@pytest.mark.parametrize(
    ("argument", "value"),
    [("units", value) for value in (0, -1, 1.5, True, None)]
    + [(argument, v) for argument in ("loc_initializer", "scale_initializer") for v in (np.nan, np.inf, True)]
    + [("scale_initializer", -0.1)]
    + [(argument, v) for argument in ("loc_initializer", "scale_initializer") for v in (None, "nonsense", [1.0])]
    + [("bias", value) for value in (np.nan, np.inf, True, "one")]
    + [("gate", value) for value in (-0.1, 1.1, np.nan, True, "half")]
    + [(argument, v) for argument in ("trainable", "shared", "flip_at_inference") for v in (1, 0, None)]
    + [("law", "tests>no_seed")]
    + [("law", value) for value in ("cauchy", "Normal", "skewed", None, ["normal"], skewed, "coinflip_zoo>Amplify")]
    + [("seed", value) for value in (-1, 2**32, 1.5, True, "one")],
)
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(
        ValueError, match=rf"`{argument}` (must|to be) .*Received: {re.escape(f'{argument}={value!r}')}"
    ):
        StochasticDense(**{"units": 2, argument: value})


@pytest.mark.parametrize("shape", [(5, 2, 3), (5,), (5, None)])
def test_bad_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=re.escape(f"takes (rows, inputs). Received: input_shape={shape}")):
        StochasticDense(4)(keras.KerasTensor(shape))


def test_several_inputs_are_refused():
    with pytest.raises(ValueError, match=re.escape("takes (rows, inputs). Received: input_shape=[(5, 3), (5, 3)]")):
        StochasticDense(4)([keras.KerasTensor((5, 3))] * 2)


def test_a_sampler_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=re.escape("(rows, 3, 4). Received: law='tests>one_number', (1,)")):
        StochasticDense(4, law="tests>one_number")(np.ones((5, 3), "float32"))


def test_a_built_layer_refuses_them_too():
    layer = StochasticDense(4)
    layer(np.ones((5, 3), "float32"))
    with pytest.raises(ValueError, match="takes"):
        layer(np.zeros((2, 2, 3), "float32"))
