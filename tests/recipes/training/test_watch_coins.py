"""A training says that its coins have died, once, and draws what it would have drawn."""

import keras
import numpy as np
import pytest

import zoo
from zoo.recipes.training.watch_coins import WatchCoins

X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = (X[:, 0] > 0).astype(int)


def trained(rate, callbacks, epochs=9):
    hidden = [keras.layers.Dense(3, kernel_initializer=keras.initializers.Orthogonal(seed=1))]
    layers = [zoo.layers.Amplify(2), zoo.layers.CoinFlipDropout(rate, seed=2), *hidden, zoo.layers.MajorityVote(2)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)
    return model


@pytest.mark.every_backend
def test_dead_coins_are_told_once(capsys):
    watch = WatchCoins(X)
    trained(0.0, [watch])
    told = capsys.readouterr().err
    assert told.count("warning: after 4 epochs the coins are dead: two flips of 16 images are equal.") == 1
    assert "after 8" not in told
    trained(0.0, [WatchCoins(X)], epochs=3)
    assert "dead" not in capsys.readouterr().err


@pytest.mark.every_backend
def test_living_coins_draw_what_they_would_have_drawn(capsys):
    watched, alone = trained(0.5, [WatchCoins(X)]), trained(0.5, [])
    assert "dead" not in capsys.readouterr().err
    for one, other in zip(watched.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(watched.predict(X, verbose=0), alone.predict(X, verbose=0))
