import itertools

import keras
import numpy as np
import pytest
from few_on_jax import few_on_jax

import zoo
from zoo.layers import PopulationDense
from zoo.probes import nearest_flip


def _random(dim, width=None, networks=None, seed=1, activation="relu", **more):
    options = {"dim": dim, "width": width or dim, "depth": 2, "activation": activation, "sigma_w": 2**0.5}
    return zoo.build("random_mlp", **options, networks=networks, seed=seed, **more)


def _strings(*shape, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape).astype("float32")


def _all_strings(count):
    return np.array(list(itertools.product([-1, 1], repeat=count)), "float32")


def _brute_force(model, x):
    """Distance to the nearest of all strings that is of the other class."""
    strings = _all_strings(x.shape[1])
    other = (model.predict(strings, verbose=0)[:, 0] > 0)[None] != (model.predict(x, verbose=0)[:, 0] > 0)[:, None]
    return np.where(other, (strings[None] != x[:, None]).sum(axis=-1), len(strings)).min(axis=1)


def _one_at_a_time(model, x):
    """The greedy search by its definition, in NumPy, with a whole evaluation of every candidate."""

    def output(strings):
        return model.predict(np.asarray(strings), verbose=0)[:, 0]

    distances = []
    for string in x:
        string, free = string.copy(), set(range(len(string)))
        sign = 1 if output([string])[0] > 0 else -1
        distance = -1
        for step in range(1, len(string) + 1):
            order = sorted(free)
            candidates = [np.where(np.arange(len(string)) == i, -string, string) for i in order]
            found = sign * output(candidates)
            best = int(found.argmin())
            string, free = candidates[best], free - {order[best]}
            if found[best] < 0 or (sign > 0 and found[best] == 0):
                distance = step
                break
        distances.append(distance)
    return np.array(distances)


@pytest.mark.parametrize("activation", few_on_jax(["relu", "hard_tanh", "tanh"], "relu"))
def test_the_exact_distance_is_that_of_brute_force(activation):
    model, x = _random(9, activation=activation, sigma_b=0.3), _strings(25, 9)
    found = nearest_flip(model, x, "exact", batch_size=300)
    np.testing.assert_array_equal(found, _brute_force(model, x))
    assert found.max() > 1


def test_greedy_is_the_search_by_its_definition():
    model, x = _random(40), _strings(12, 40)
    np.testing.assert_array_equal(nearest_flip(model, x), _one_at_a_time(model, x))


def test_greedy_is_never_below_exact_and_mostly_equal():
    model, x = _random(12), _strings(60, 12)
    greedy, exact = nearest_flip(model, x), nearest_flip(model, x, "exact")
    assert (greedy >= exact).all()
    assert np.mean(greedy == exact) > 0.8


def test_of_a_linear_model_both_are_known_in_closed_form():
    weights = np.array([0.5, -3.0, 1.0, 2.0, -0.25])
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.layers[0].set_weights([weights[:, None], np.array([0.1])])
    x = _all_strings(5)
    expected = []
    for string in x:
        output = string @ weights + 0.1
        gains = np.sort(np.where(np.sign(output) * string * weights > 0, 2 * np.abs(weights), 0))[::-1].cumsum()
        over = np.flatnonzero(gains > abs(output))
        expected.append(over[0] + 1 if len(over) else -1)
    np.testing.assert_array_equal(nearest_flip(model, x), expected)
    np.testing.assert_array_equal(nearest_flip(model, x, "exact"), expected)


@pytest.mark.on_tensorflow
def test_a_population_is_searched_as_its_networks_are_alone():
    population, x = _random(14, networks=5, sigma_b=0.1), _strings(6, 5, 14)
    found = nearest_flip(population, x, networks=True)
    assert found.shape == (6, 5)
    np.testing.assert_array_equal(nearest_flip(population, x, networks=True, batch_size=7), found)
    exact = nearest_flip(population, x, "exact", networks=True)
    for network in range(5):
        alone = _random(14, sigma_b=0.1)
        alone.set_weights([w[network] for w in population.get_weights()])
        np.testing.assert_array_equal(nearest_flip(alone, x[:, network]), found[:, network])
        np.testing.assert_array_equal(nearest_flip(alone, x[:, network], "exact"), exact[:, network])
    shared = nearest_flip(population, x[:, 0], networks=True)
    np.testing.assert_array_equal(shared[:, 0], found[:, 0])


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("batch_size", [1, 11, 4096])
def test_the_batch_changes_nothing(batch_size):
    model, x = _random(10), _strings(5, 10)
    np.testing.assert_array_equal(nearest_flip(model, x, batch_size=batch_size), nearest_flip(model, x))


def _convolution():
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(3, 3, activation="relu", padding="same", kernel_initializer="random_normal")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(x)))


def _flattened():
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(0.5, 0.25)(inputs))
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dense(8, "tanh")(x)))


def _with_a_way_around():
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Flatten()(inputs)
    hidden = keras.layers.Dense(16, "relu")(x)
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.add([hidden, x])))


def _squared_before():
    inputs = keras.Input((4, 4, 1))
    x = keras.ops.square(keras.ops.add(keras.layers.Flatten()(inputs), keras.ops.roll(inputs[:, :, 0, 0], 1, 1)[:, :1]))
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dense(8, "relu")(x)))


@pytest.mark.parametrize(
    "build", few_on_jax([_convolution, _flattened, _with_a_way_around, _squared_before], _convolution)
)
def test_any_model_is_searched_the_same(build):
    keras.utils.set_random_seed(3)
    model, x = build(), _strings(3, 4, 4, 1)
    flat = keras.Sequential([keras.Input((16,)), keras.layers.Reshape((4, 4, 1)), model])
    np.testing.assert_array_equal(nearest_flip(model, x), _one_at_a_time(flat, x.reshape(3, 16)))
    np.testing.assert_array_equal(nearest_flip(model, x, "exact", 3), _limited(_brute_force(flat, x.reshape(3, 16)), 3))


def _limited(distances, most):
    return np.where(distances > most, -1, distances)


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_shorter_way_through_relu_finds_what_the_layers_themselves_find(depth):
    options = {"dim": 50, "width": 40, "activation": "relu", "sigma_w": 2**0.5, "sigma_b": 0.4}
    model, x = zoo.build("random_mlp", depth=depth, **options, seed=depth), _strings(30, 50)
    inputs = keras.Input((50,))
    by_layers = keras.Model(inputs, keras.layers.Activation("linear")(model(inputs)))
    found = nearest_flip(model, x)
    np.testing.assert_array_equal(nearest_flip(by_layers, x), found)
    assert found.max() > 2


def test_no_further_than_max_distance():
    model, x = _random(60, seed=4), _strings(30, 60)
    free = nearest_flip(model, x)
    assert free.max() > 2
    np.testing.assert_array_equal(nearest_flip(model, x, max_distance=2), _limited(free, 2))


def test_a_class_that_never_changes_is_not_found():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.layers[0].set_weights([np.full((6, 1), 0.1), np.array([10.0])])
    assert nearest_flip(model, _strings(2, 6)).tolist() == [-1, -1]
    assert nearest_flip(model, _strings(2, 6), "exact").tolist() == [-1, -1]


def _two_inputs():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    return keras.Model([a, b], keras.layers.Dense(1)(keras.layers.add([a, b])))


def _not_a_chain():
    inputs = keras.Input((6,))
    x = PopulationDense(4, 3)(inputs)
    return keras.Model(inputs, PopulationDense(1, 3)(keras.layers.add([x, x])))


def _sequential(*layers):
    return keras.Sequential([keras.Input((6,)), *layers])


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nearest_flip(_random(6), _strings(2, 5)), "`x` must be of shape \\(strings, 6\\)"),
        (lambda: nearest_flip(_random(6), np.zeros((2, 6))), "`x` must be strings of -1 and 1"),
        (lambda: nearest_flip(_random(6), np.full((2, 6), np.nan)), "`x` must be strings of -1 and 1"),
        (lambda: nearest_flip(_random(6), np.ones((0, 6))), "`x` must be strings of -1 and 1"),
        (lambda: nearest_flip(_random(6), [["a"] * 6]), "`x` must be a number or an array of numbers"),
        (lambda: nearest_flip(_random(6), [[1, -1], [1]]), "`x` must be a number or an array of numbers"),
        (lambda: nearest_flip(_random(6), _strings(2, 6), networks="yes"), "`networks` must be a bool"),
        (lambda: nearest_flip(_random(6), _strings(2, 6), "best"), "`method` must be"),
        (lambda: nearest_flip(_random(6), _strings(2, 6), max_distance=0), "`max_distance` must be"),
        (lambda: nearest_flip(_random(6), _strings(2, 6), batch_size=0), "`batch_size` must be"),
        (lambda: nearest_flip(_random(30), _strings(2, 30), "exact"), "up to 1073741823 evaluations"),
        (lambda: nearest_flip(_random(6, outputs=2), _strings(2, 6)), "one output unit"),
        (lambda: nearest_flip(_random(6, networks=3), _strings(2, 6)), "one output unit"),
        (lambda: nearest_flip(_random(6), _strings(2, 6), networks=True), "one output unit"),
        (lambda: nearest_flip(_not_a_chain(), _strings(2, 6), networks=True), "a chain of PopulationDense"),
        (lambda: nearest_flip(_two_inputs(), _strings(2, 3)), "must have one input"),
        (lambda: nearest_flip(_sequential(keras.layers.Dense(1, "sigmoid")), _strings(2, 6)), "must give a logit"),
        (
            lambda: nearest_flip(
                _sequential(keras.layers.Dense(1), keras.layers.Activation("sigmoid")), _strings(2, 6)
            ),
            "must give a logit",
        ),
        (lambda: nearest_flip(zoo.build("ball_cfnn", dim=6), _strings(2, 6)), "must not flip coins"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
