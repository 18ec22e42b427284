import keras
import numpy as np
import pytest

from zoo.layers import Amplify, MajorityVote


@pytest.mark.parametrize("shape", [(), (3,), (3, 3), (3, 3, 3)])
@pytest.mark.parametrize("samples", [1, 3])
def test_rows_of_an_example_are_contiguous(shape, samples):
    # Equal sizes on all axes: a repeat on the wrong axis has the right shape there.
    x = np.arange(3 ** (1 + len(shape)), dtype="float32").reshape(3, *shape)
    y = keras.ops.convert_to_numpy(Amplify(samples)(x))
    assert y.shape == (3 * samples, *shape)
    for row in range(3 * samples):
        np.testing.assert_array_equal(y[row], x[row // samples])


def test_one_training_step_sums_the_gradients_of_the_flips():
    """The gradient of a repeated row is the sum over its copies: SGD on a mean of n equal flips equals n = 1."""
    x, y, trained = np.eye(3, dtype="float32"), np.array([0, 1, 2]), []
    for samples in (1, 4):
        inputs = keras.Input((3,))
        dense = keras.layers.Dense(3, kernel_initializer=keras.initializers.GlorotUniform(seed=1))
        model = keras.Model(inputs, MajorityVote(samples)(Amplify(samples)(dense(inputs))))
        before = dense.get_weights()[0]
        model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
        model.train_on_batch(x, y)
        assert not np.allclose(dense.get_weights()[0], before)
        trained.append(dense.get_weights()[0])
    np.testing.assert_allclose(trained[0], trained[1], atol=1e-6)


@pytest.mark.parametrize("samples", [0, -3, 2.5, True, None, "two"])
def test_bad_samples_are_refused(samples):
    with pytest.raises(ValueError, match=rf"`samples` must .*Received: samples={samples!r}"):
        Amplify(samples)


def test_numpy_ints_are_samples():
    assert type(Amplify(np.int64(3)).get_config()["samples"]) is int
