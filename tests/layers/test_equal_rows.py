import gc

import keras
import numpy as np
import pytest

import zoo
from zoo.layers import Amplify, MajorityVote, StochasticDense
from zoo.layers.equal_rows import once, repeated

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


def test_a_repeated_tensor_is_known_as_long_as_both_live():
    x = keras.ops.convert_to_tensor(X)
    y = repeated(x, 5)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(y), X.repeat(5, axis=0))
    source, times = once(y)
    assert source is x
    assert times == 5
    other = y + 0
    source, times = once(other)
    assert source is other
    assert times is None
    del x, source, other
    gc.collect()
    source, times = once(y)
    assert source is y
    assert times is None


def layer(**options):
    return StochasticDense(2, 0.5, 0.25, seed=3, activation="tanh", **options)


def models(make, samples=5):
    """One layer on the rows of `Amplify` itself, and on others, as equal, that it cannot know to be."""
    x = keras.Input((3,))
    rows = Amplify(samples)(x)
    return [keras.Model(x, make()(y)) for y in (rows, keras.layers.Rescaling(1.0)(rows))]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("options", [{}, {"gate": 0.5, "bias": 1.0}, {"flip_at_inference": False}, {"law": "sign"}])
def test_rows_that_are_known_to_be_equal_flip_the_same_coins(options, training):
    known, unknown = (model(X, training=training) for model in models(lambda: layer(**options)))
    known, unknown = keras.ops.convert_to_numpy(known), keras.ops.convert_to_numpy(unknown)
    np.testing.assert_allclose(known, unknown, rtol=1e-5, atol=1e-6)
    assert (len(np.unique(known[:5, 0])) > 1) == (training or options.get("flip_at_inference", True))


def test_moments_of_equal_rows_are_computed_once(monkeypatch):
    rows, call = [], zoo.layers.KernelMoments.call

    def counting(self, inputs, **options):
        rows.append(inputs.shape[0])
        return call(self, inputs, **options)

    monkeypatch.setattr(zoo.layers.KernelMoments, "call", counting)
    known, unknown = models(layer)
    known(X)
    unknown(X)
    assert rows[-2:] == [4, 20]


def test_training_steps_are_the_same():
    trained = []
    for model in models(layer):
        model = keras.Model(model.input, MajorityVote(5)(model.output))
        model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
        before = [w.copy() for w in model.get_weights()]
        model.train_on_batch(X, np.array([0, 1, 0, 1]))
        assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))
        trained.append(model.get_weights())
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_chunks_of_flips_are_the_same():
    votes = []
    for model in models(layer, samples=101):
        model = zoo.amplify(keras.Model(model.input, MajorityVote(101)(model.output)), 101, chunk=10)
        votes.append(model.predict_on_batch(X))
    np.testing.assert_allclose(votes[0], votes[1], atol=1e-6)


@pytest.mark.parametrize("activation", [lambda z: keras.ops.softmax(z, axis=1), lambda z: z[:, :1] * z[:, 1:]])
def test_an_activation_is_given_rows_and_units(activation):
    """Of equal flips, for there is no noise: what the layer makes of each row by itself."""
    flips = models(lambda: StochasticDense(2, 0.5, 0.0, seed=3, activation=activation), samples=4)
    found = [model.predict(X, verbose=0) for model in flips]
    assert found[0].shape[0] == 4 * len(X)
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)
