"""fold(trainable=True): fine-tuning under the mask that was found."""

import keras
import numpy as np
import pytest
from few_on_jax import few_on_jax

import zoo
from zoo.layers import ScoreMaskedConv, ScoreMaskedDense

X = np.random.default_rng(0).normal(size=(12, 6, 6, 2)).astype("float32")


def masked():
    inputs = keras.Input((6, 6, 2))
    x = ScoreMaskedConv(4, 3, padding="same", activation="relu", sparsity=0.5, seed=1)(inputs)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, ScoreMaskedDense(3, sparsity=0.7, seed=2)(x))


@pytest.mark.parametrize("optimizer", few_on_jax(["sgd", "adam", "adamw"], "adam"))
def test_pruned_weights_stay_0_and_kept_ones_are_trained(optimizer, tmp_path):
    model = masked()
    tuned = zoo.fold(model, trainable=True)
    np.testing.assert_allclose(tuned.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-5)
    masks = [keras.ops.convert_to_numpy(layer.mask()) for layer in model.layers if hasattr(layer, "scores")]
    before = [v.numpy() if hasattr(v, "numpy") else np.asarray(v) for v in tuned.trainable_variables]
    tuned.compile(keras.optimizers.get(optimizer), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    tuned.fit(X, np.arange(12) % 3, epochs=5, verbose=0)
    after = [keras.ops.convert_to_numpy(v.value) for v in tuned.trainable_variables]
    assert len(after) == 2
    for mask, old, new in zip(masks, before, after, strict=True):
        assert (new[mask == 0] == 0).all()
        assert (new[mask == 1] != old[mask == 1]).mean() > 0.5
    tuned.save(tmp_path / "tuned.keras")
    copy = keras.models.load_model(tmp_path / "tuned.keras")
    np.testing.assert_array_equal(copy.predict(X, verbose=0), tuned.predict(X, verbose=0))
    copy.compile("sgd", "mse")
    copy.fit(X, np.ones((12, 3)), verbose=0)
    for mask, new in zip(masks, copy.trainable_variables, strict=True):
        assert (keras.ops.convert_to_numpy(new.value)[mask == 0] == 0).all()


def test_a_kept_weight_that_is_0_is_trained():
    inputs = keras.Input((4,))
    layer = ScoreMaskedDense(4, kernel_initializer="identity", sparsity=0.25, seed=1)
    model = keras.Model(inputs, layer(inputs))
    mask = keras.ops.convert_to_numpy(layer.mask())
    assert mask.sum() == 12
    tuned = zoo.fold(model, trainable=True)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(tuned.layers[-1].mask), mask)
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    np.testing.assert_allclose(tuned.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


def test_trainable_must_be_a_bool():
    with pytest.raises(ValueError, match="`trainable` must be a bool"):
        zoo.fold(masked(), trainable="yes")
