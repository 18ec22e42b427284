import hashlib
import math

import keras
import numpy as np
import pytest

from zoo.layers import KaimingUniform, SignedKaimingConstant, initializers

KINDS = [KaimingUniform, SignedKaimingConstant]
SHAPES = [((400, 300), 400), ((3, 5, 16, 500), 240)]  # dense, convolution: shape and fan_in


def draw(initializer, shape, **kwargs):
    return keras.ops.convert_to_numpy(initializer(shape, **kwargs))


def derived(kind, seed, shape, fan_in):
    """The upper 24 bits of both halves of Philox's words, the lower half first, one number at a time."""
    numbers = []
    for word in np.random.Philox(np.random.SeedSequence((seed,))).random_raw(math.prod(shape)):
        for half in (int(word) % 2**32, int(word) // 2**32):
            u = (half // 2**8) / 2**24
            if kind is KaimingUniform:
                numbers.append(float(np.float32(math.sqrt(6 / fan_in))) * (2 * u - 1))
            else:
                numbers.append(math.copysign(math.sqrt(2 / fan_in), u - 0.5 if u != 0.5 else 1))
    return np.float32(numbers[: math.prod(shape)]).reshape(shape)


@pytest.mark.parametrize(("shape", "fan_in"), SHAPES)
def test_kaiming_uniform_bounds_and_moments(shape, fan_in):
    x, bound = draw(KaimingUniform(1), shape).astype("float64"), math.sqrt(6 / fan_in)
    assert 0.999 * bound < x.max() <= bound * (1 + 1e-6)
    assert -bound * (1 + 1e-6) <= x.min() < -0.999 * bound
    for power in (1, 2, 3, 4):  # E x^k = b^k / (k + 1) for even k, else 0
        mean, second = (bound**k / (k + 1) * (k % 2 == 0) for k in (power, 2 * power))
        assert abs((x**power).mean() - mean) < 5 * math.sqrt((second - mean**2) / x.size), power
    assert x.var() == pytest.approx(2 / fan_in, rel=0.02)  # the gain of ReLU


@pytest.mark.parametrize(("shape", "fan_in"), SHAPES)
def test_signed_kaiming_constant_has_two_equally_likely_values(shape, fan_in):
    x = draw(SignedKaimingConstant(1), shape)
    np.testing.assert_allclose(np.unique(x), np.array([-1, 1]) * math.sqrt(2 / fan_in), rtol=1e-6)
    assert len(np.unique(x)) == 2
    assert abs((x > 0).mean() - 0.5) < 5 * 0.5 / math.sqrt(x.size)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_independent_of_their_neighbours(kind):
    x = draw(kind(2), (400, 300)).astype("float64")
    for a, b in ((x[:, 1:], x[:, :-1]), (x[1:], x[:-1]), (x, draw(kind(3), (400, 300)))):
        assert abs(np.corrcoef(a.reshape(-1), b.reshape(-1))[0, 1]) < 5 / math.sqrt(a.size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
@pytest.mark.parametrize(("shape", "fan_in"), [((3, 5), 3), ((3, 2, 4, 6), 24), ((1, 1), 1)])
def test_numbers_are_those_of_philox(kind, seed, shape, fan_in):
    np.testing.assert_array_equal(draw(kind(seed), shape), derived(kind, seed, shape, fan_in))


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        (KaimingUniform, "3ac3c3275cffe99f0c6e1dd39e2197625a120d99c544113a600d64d1259e3a89"),
        (SignedKaimingConstant, "330cc1208f1e9b4b923d33237a96569f2cd3bd533584016e1779d41bc87455e0"),
    ],
)
def test_numbers_are_the_same_everywhere(kind, digest):
    """Digests of what `derived` gave, once: every backend, machine and NumPy has to agree."""
    numbers = draw(kind(7), (3, 3, 5, 11)).astype("<f4")
    assert hashlib.sha256(numbers.tobytes()).hexdigest() == digest


def test_get_gives_initializers_by_name_the_seed():
    first, same, other = (draw(initializers.get("kernel", "he_normal", seed), (4, 4)) for seed in (9, 9, 10))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(first, draw(keras.initializers.HeNormal(9), (4, 4)))
    np.testing.assert_array_equal(draw(initializers.get("kernel_initializer", "ones", 9), (4, 4)), 1)  # has no seed


@pytest.mark.parametrize("own", [SignedKaimingConstant(4), keras.initializers.RandomNormal(1.0, 2.0, seed=4)])
def test_get_leaves_objects_and_configs_their_seed(own):
    assert initializers.get("kernel_initializer", own, 9) is own
    found = initializers.get("kernel_initializer", keras.initializers.serialize(own), 9)
    assert type(found) is type(own)
    assert found.get_config() == own.get_config()


@pytest.mark.parametrize("identifier", ["kaiming", "KU", None, 3, "", lambda shape, dtype=None: np.ones(shape)])
def test_unknown_initializers_are_refused(identifier):
    with pytest.raises(ValueError, match=r"`kernel_initializer` must be one of .*Received: kernel_initializer="):
        initializers.get("kernel_initializer", identifier, 1)


@pytest.mark.parametrize(
    "own",
    [
        KaimingUniform(1),
        SignedKaimingConstant(1),
        keras.initializers.RandomNormal(3.0, 0.5, seed=1),
        keras.initializers.VarianceScaling(2.0, "fan_out", "uniform", seed=1),
    ],
)
def test_with_seed_changes_nothing_but_the_seed(own):
    other = initializers.with_seed(own, 2)
    assert type(other) is type(own)
    assert other.get_config() == {**own.get_config(), "seed": 2}
    assert own.get_config()["seed"] == 1
    assert not np.array_equal(draw(other, (8, 8)), draw(own, (8, 8)))
    np.testing.assert_array_equal(draw(initializers.with_seed(other, 1), (8, 8)), draw(own, (8, 8)))


def test_with_seed_leaves_a_constant():
    np.testing.assert_array_equal(draw(initializers.with_seed(keras.initializers.Constant(2.5), 3), (2, 2)), 2.5)
