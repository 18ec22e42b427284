"""Training in epochs against plain SGD in NumPy, and the evaluation of a trained classifier."""

import keras
import numpy as np
import pytest

from zoo.recipes.experiments import fit_epochs as module
from zoo.recipes.experiments.fit_epochs import compiled, evaluated, fit_epochs

pytestmark = pytest.mark.every_backend
RNG = np.random.default_rng(0)
X, Z, Y = (RNG.normal(size=(103, n)).astype("float32") for n in (3, 2, 1))


def linear():
    inputs = [keras.Input((3,)), keras.Input((2,))]
    zeros = {"use_bias": False, "kernel_initializer": "zeros"}
    return keras.Model(inputs, keras.layers.Add()([keras.layers.Dense(1, **zeros)(x) for x in inputs]))


def train(**options):
    model = compiled(linear(), keras.optimizers.SGD(0.05), "mse")
    settings = {"epochs": 3, "batch_size": 2, "seed": 5, **options}
    loss = fit_epochs(model, lambda epoch: ((X, Z), Y + epoch), **settings)
    return np.concatenate([w.ravel() for w in model.get_weights()]), loss


def test_training_is_plain_sgd_in_an_order_of_the_seed():
    """52 updates an epoch, the last on one example: neither a multiple of the steps per call nor all of a size."""
    weights, joined = np.zeros((5, 1)), np.concatenate([X, Z], axis=1).astype("float64")
    losses = []
    for epoch in range(3):
        order, losses = np.random.default_rng([5, epoch]).permutation(103), []
        for start in range(0, 103, 2):
            rows = order[start : start + 2]
            errors = joined[rows] @ weights - (Y[rows] + epoch)
            losses.append((errors**2).sum())
            weights -= 0.05 * 2 * joined[rows].T @ errors / len(rows)
    found, loss = train()
    np.testing.assert_allclose(found, weights.ravel(), atol=1e-4)
    assert loss == pytest.approx(sum(losses) / 103, rel=1e-4)


def test_steps_per_call_change_nothing(monkeypatch):
    found, loss = train()
    monkeypatch.setattr(module, "_STEPS", 1)
    np.testing.assert_array_equal(train()[0], found)
    assert train()[1] == pytest.approx(loss, rel=1e-6)
    assert (train(seed=6)[0] != found).any()


def test_accuracy_is_rounded_and_that_of_a_training_that_diverged_is_none():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False, kernel_initializer="identity")])
    compiled(model, "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    x, y = np.eye(2, dtype="float32")[[0, 1, 0]], np.array([0, 1, 1])
    found = evaluated(model, x, y)
    assert found["accuracy"] == 0.6666667
    assert found["loss"] == pytest.approx(np.log1p(np.exp([-1, -1, 1])).mean(), rel=1e-5)
    model.set_weights([np.full((2, 2), np.nan)])
    assert np.isnan(evaluated(model, x, y)["accuracy"])


def test_something_may_follow_every_epoch():
    calls = []
    train(after_epoch=lambda: calls.append(1))
    assert calls == [1, 1, 1]
