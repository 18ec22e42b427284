import numpy as np
import pytest

import zoo
from zoo.probes import random_flips


def _random(dim, networks=None, seed=1, **more):
    options = {"dim": dim, "width": dim, "depth": 2, "activation": "relu", "sigma_w": 2**0.5}
    return zoo.build("random_mlp", **options, networks=networks, seed=seed, **more)


def _strings(*shape, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape).astype("float32")


def test_the_walk_is_the_one_of_eq_9():
    model, x = _random(11), _strings(20, 11)
    orders = np.random.default_rng(5).permuted(np.tile(np.arange(11), (20, 1)), axis=1)
    expected = []
    for string, order in zip(x, orders, strict=True):
        walk = [string.copy()]
        for bit in order:
            walk.append(np.where(np.arange(11) == bit, -walk[-1], walk[-1]))
        positive = model.predict(np.array(walk), verbose=0)[:, 0] > 0
        changed = np.flatnonzero(positive != positive[0])
        expected.append(changed[0] if len(changed) else 11)
    np.testing.assert_array_equal(random_flips(model, x, 5), expected)
    assert len(set(expected)) > 3


def test_the_batch_changes_nothing_but_the_seed_does():
    model, x = _random(30, seed=2), _strings(40, 30)
    found = random_flips(model, x, 3)
    for batch_size in (1, 50, 700):
        np.testing.assert_array_equal(random_flips(model, x, 3, batch_size=batch_size), found)
    assert (random_flips(model, x, 4) != found).any()


def test_every_network_of_a_population_walks_its_own_way():
    population, x = _random(16, networks=6), _strings(3, 6, 16)
    found = random_flips(population, x, 7, networks=True)
    assert found.shape == (3, 6)
    np.testing.assert_array_equal(random_flips(population, x, 7, networks=True, batch_size=10), found)
    rng = np.random.default_rng(7)
    for string in range(3):
        orders = rng.permuted(np.tile(np.arange(16), (6, 1)), axis=1)
        for network in range(6):
            alone = _random(16)
            alone.set_weights([w[network] for w in population.get_weights()])
            walk = x[string, network] * np.where(
                np.arange(17)[:, None] > np.argsort(orders[network])[None], -1, 1
            ).astype("float32")
            positive = alone.predict(walk, verbose=0)[:, 0] > 0
            changed = np.flatnonzero(positive != positive[0])
            assert found[string, network] == (changed[0] if len(changed) else 16)


def test_a_class_that_never_changes_counts_as_all_bits():
    model = _random(5, sigma_b=0.5)
    for layer in ("hidden_1", "hidden_2"):
        kernel, bias = model.get_layer(layer).get_weights()
        model.get_layer(layer).set_weights([0 * kernel, 0 * bias + 1])
    model.get_layer("readout").set_weights([np.ones((5, 1)), np.zeros(1)])
    assert random_flips(model, _strings(4, 5), 0).tolist() == [5] * 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "`seed` must be"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"x": np.zeros((1, 6))}, "`x` must be"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        random_flips(_random(6), **{"x": _strings(2, 6), **arguments})
