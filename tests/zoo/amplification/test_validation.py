"""Validation: the loss of the soft vote, the accuracy of the majority, and coins that training does not notice."""

import keras
import numpy as np
import pytest
from few_on_jax import few_on_jax

import zoo
from zoo.layers import Amplify, CoinFlip, CoinFlipDropout, MajorityVote

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)).astype("float32"), RNG.integers(0, 2, 40)


def network(samples, coin, seed=0):
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(8, "relu", kernel_initializer=keras.initializers.GlorotUniform(seed=seed))(inputs)
    logits = keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1))
    outputs = MajorityVote(samples)(logits(coin(Amplify(samples)(hidden))))
    model = zoo.amplify(keras.Model(inputs, outputs), samples)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


COINS = {
    "CoinFlipDropout": lambda: CoinFlipDropout(0.5, seed=3),
    "CoinFlip": lambda: CoinFlip(keras.layers.Dropout(0.5, seed=3), seed=4),
}


@pytest.mark.parametrize("samples", few_on_jax([1, 3, 40], 3))
@pytest.mark.parametrize("where", ["evaluate", "fit"])
def test_the_loss_is_the_soft_votes_and_the_accuracy_the_majoritys(samples, where):
    model = network(samples, COINS["CoinFlipDropout"]())
    model.optimizer.learning_rate = 0.0
    zoo.reseed(model, 7)
    soft = zoo.amplify(model, samples, "mean").predict(X, batch_size=40, verbose=0)
    zoo.reseed(model, 7)
    hard = model.predict(X, batch_size=40, verbose=0)
    zoo.reseed(model, 7)
    if where == "evaluate":
        found = model.evaluate(X, Y, batch_size=40, verbose=0, return_dict=True)
    else:
        history = model.fit(X, Y, validation_data=(X, Y), validation_batch_size=40, verbose=0).history
        found = {"loss": history["val_loss"][0], "accuracy": history["val_accuracy"][0]}
    np.testing.assert_allclose(found["loss"], -np.log(soft[np.arange(40), Y]).mean(), rtol=1e-5)
    np.testing.assert_allclose(found["accuracy"], (hard.argmax(1) == Y).mean(), rtol=1e-6)
    if samples < 40:
        assert (hard[np.arange(40), Y] < 1e-3).any()  # where the histogram's loss would be a clipped infinity


@pytest.mark.parametrize("coin", few_on_jax(COINS, "CoinFlipDropout"))
def test_validation_does_not_change_what_training_draws(coin):
    weights = []
    for validation in (None, (X, Y)):
        model = network(3, COINS[coin]())
        model.fit(X, Y, epochs=3, shuffle=False, validation_data=validation, verbose=0)
        weights.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize("coin", few_on_jax(COINS, "CoinFlipDropout"))
def test_a_file_keeps_both_streams_of_coins(coin, tmp_path):
    model = network(3, COINS[coin]())
    model.fit(X, Y, verbose=0)
    model.predict(X, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(copy.predict(X, verbose=0), model.predict(X, verbose=0))
    for one in (model, copy):
        one.fit(X, Y, shuffle=False, verbose=0)
    np.testing.assert_array_equal(copy.get_weights()[0], model.get_weights()[0])


@pytest.mark.on_tensorflow
def test_builders_validate_so():
    """The histogram of one flip would cost 16 or 0."""
    model = zoo.build("resnet20_cfnn", depth=8, input_shape=(8, 8, 1), samples=1, seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = RNG.integers(0, 256, (16, 8, 8, 1)).astype("uint8")
    y = np.arange(16) % 10
    zoo.reseed(model, 1)
    loss = model.evaluate(x, y, verbose=0)
    zoo.reseed(model, 1)
    soft = zoo.amplify(model, 1, "mean").predict(x, verbose=0)
    np.testing.assert_allclose(loss, -np.log(np.maximum(soft[np.arange(16), y], 1e-7)).mean(), rtol=1e-4)
