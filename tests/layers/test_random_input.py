import re

import keras
import numpy as np
import pytest
from scipy import stats

from zoo.layers import RandomInput
from zoo.layers.seeds import uniform

DISTRIBUTIONS = ["uniform", "normal", "categorical"]


def draw(layer, rows=1000, training=False):
    return keras.ops.convert_to_numpy(layer(np.zeros((rows, 2), "float32"), training=training))


@pytest.mark.parametrize("flip_at_inference", [True, False])
def test_uniform_numbers(flip_at_inference):
    u = draw(RandomInput(10, flip_at_inference=flip_at_inference, seed=1)).astype("float64")
    assert u.shape == (1000, 10)
    assert 0 <= u.min() < u.max() < 1
    assert stats.kstest(u.reshape(-1), "uniform").pvalue > 1e-6
    for a, b in ((u[:, 1:], u[:, :-1]), (u[1:], u[:-1])):  # units, rows
        assert abs(np.corrcoef(a.reshape(-1), b.reshape(-1))[0, 1]) < 5 / np.sqrt(a.size)


@pytest.mark.parametrize("flip_at_inference", [True, False])
def test_normal_numbers(flip_at_inference):
    z = draw(RandomInput(10, "normal", flip_at_inference=flip_at_inference, seed=1)).astype("float64")
    assert z.shape == (1000, 10)
    assert stats.kstest(z.reshape(-1), "norm").pvalue > 1e-6
    for a, b in ((z[:, 1:], z[:, :-1]), (z[1:], z[:-1])):  # units, rows
        assert abs(np.corrcoef(a.reshape(-1), b.reshape(-1))[0, 1]) < 5 / np.sqrt(a.size)


@pytest.mark.parametrize("units", [1, 2, 10])
def test_classes_are_equally_likely(units):
    y, share = draw(RandomInput(units, "categorical", seed=2), 5000), 1 / units
    assert set(np.unique(y)) <= {0, 1}
    np.testing.assert_array_equal(y.sum(1), 1)
    same = (y[1:] * y[:-1]).sum(1).mean()  # as neighbours' classes are if each row draws its own
    assert (np.abs(np.append(y.mean(0), same) - share) <= 5 * np.sqrt(share * (1 - share) / 4999)).all()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_every_call_draws_anew_where_asked_for(distribution):
    random, fixed = (RandomInput(5, distribution, flip, seed=1) for flip in (True, False))
    assert len({draw(random, training=training).tobytes() for training in (False, True, False, True)}) == 4
    first = draw(fixed)
    assert len({draw(fixed, training=True).tobytes() for _ in range(3)}) == 3
    compiled = keras.Sequential([keras.Input((2,)), fixed])
    for same in (draw(fixed), draw(fixed, 7), compiled.predict(np.zeros((1000, 2)), batch_size=1000, verbose=0)):
        np.testing.assert_array_equal(same, first[: len(same)])


@pytest.mark.parametrize(("distribution", "mean"), [("uniform", 0.5), ("normal", 0.0), ("categorical", 0.25)])
def test_without_flips_every_row_may_be_the_mean(distribution, mean):
    layer = RandomInput(4, distribution, flip_at_inference=False, without_flips="mean", seed=1)
    np.testing.assert_array_equal(draw(layer), np.full((1000, 4), mean, "float32"))
    assert len({draw(layer, training=True).tobytes() for _ in range(2)}) == 2


def test_fixed_rows_are_the_same_everywhere():
    """Numbers of NumPy's, the first 1,000 rows again and again; every class in turn, however many rows or classes."""
    layer = RandomInput(3, flip_at_inference=False, seed=4)
    np.testing.assert_array_equal(draw(layer, 2300), np.tile(uniform((1000, 3), 4), (3, 1))[:2300])
    for classes in (7, 1500):
        layer = RandomInput(classes, "categorical", flip_at_inference=False, seed=4)
        np.testing.assert_array_equal(draw(layer, 2300).argmax(1), np.arange(2300) % classes)


def test_a_fresh_seed_is_in_the_configuration():
    fresh = RandomInput(5)
    np.testing.assert_array_equal(draw(RandomInput.from_config(fresh.get_config())), draw(fresh))


@pytest.mark.parametrize("flip_at_inference", [True, False])
def test_seeds(flip_at_inference):
    layers = [RandomInput(5, "uniform", flip_at_inference, seed) for seed in (1, np.int64(1), 2, 2**32 - 1, None, None)]
    first, same, *others = (draw(layer).reshape(-1) for layer in layers)
    np.testing.assert_array_equal(first, same)
    assert (np.abs(np.corrcoef([first, *others]) - np.eye(5)) < 5 / np.sqrt(first.size)).all()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_mixed_precision_rounds_the_numbers_of_float32(distribution, policy):
    x, options = np.zeros((10_000, 2), "float32"), {"units": 20, "distribution": distribution, "seed": 1}
    drawn, wide = RandomInput(**options, dtype=policy)(x), RandomInput(**options)(x)
    wide = (
        wide
        if distribution == "normal"
        else keras.ops.minimum(wide, 1 - 2.0 ** {"mixed_bfloat16": -8}.get(policy, -11))
    )
    drawn, rounded = (keras.ops.cast(y, policy.removeprefix("mixed_")) for y in (drawn, wide))
    drawn, rounded = (keras.ops.convert_to_numpy(keras.ops.cast(y, "float32")) for y in (drawn, rounded))
    np.testing.assert_array_equal(drawn, rounded)
    assert np.unique(drawn).size > 1000  # 128 of bfloat16 numbers drawn as such


@pytest.mark.parametrize(
    ("argument", "value"),
    [("units", value) for value in (0, -1, 1.5, True, None)]
    + [("distribution", value) for value in ("gaussian", "Uniform", None, ["uniform"])]
    + [("without_flips", value) for value in ("rows", None)]
    + [("flip_at_inference", value) for value in (1, None, "yes")]
    + [("seed", value) for value in (-1, 2**32, 1.5, True, "one")],
)
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {re.escape(f'{argument}={value!r}')}"):
        RandomInput(**{"units": 2, argument: value})
