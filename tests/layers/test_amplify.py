import keras
import numpy as np
import pytest

from zoo.layers import Amplify, MajorityVote


def network(**kwargs):
    inputs = keras.Input((3,))
    x = Amplify(2, name="amplify", **kwargs)(keras.layers.Dense(4)(inputs))
    return keras.Model(inputs, MajorityVote(2)(keras.layers.Dense(3)(x)))


def test_config_holds_every_argument():
    config = Amplify(7, name="many", dtype="float16", trainable=False).get_config()
    assert config["samples"] == 7
    assert (config["name"], config["trainable"]) == ("many", False)
    assert config["dtype"]["config"]["name"] == "float16"
    assert Amplify.from_config(config).get_config() == config


def test_json_round_trip():
    model = network()
    copy = keras.models.model_from_json(model.to_json())
    assert copy.get_layer("amplify").samples == 2
    assert copy.to_json() == model.to_json()


def test_keras_file_round_trip(tmp_path):
    model, x = network(), np.eye(3, dtype="float32")
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert copy.get_layer("amplify").samples == 2
    np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("shape", [(), (3,), (3, 3), (3, 3, 3)])
@pytest.mark.parametrize("samples", [1, 3])
def test_rows_of_an_example_are_contiguous(shape, samples):
    # Equal sizes on all axes: a repeat on the wrong axis has the right shape there.
    x = np.arange(3 ** (1 + len(shape)), dtype="float32").reshape(3, *shape)
    y = keras.ops.convert_to_numpy(Amplify(samples)(x))
    assert y.shape == (3 * samples, *shape)
    for row in range(3 * samples):
        np.testing.assert_array_equal(y[row], x[row // samples])


@pytest.mark.parametrize("batch", [None, 5])
@pytest.mark.parametrize("samples", [1, 4])
def test_symbolic_shape_is_the_eager_one(batch, samples):
    layer = Amplify(samples)
    symbolic = layer(keras.Input(batch_shape=(batch, 2, 3)))
    eager = layer(np.zeros((5, 2, 3), "float32"))
    assert symbolic.shape == (None if batch is None else 5 * samples, 2, 3)
    assert layer.compute_output_shape((batch, 2, 3)) == symbolic.shape
    assert tuple(eager.shape) == (5 * samples, 2, 3)
    assert keras.backend.standardize_dtype(eager.dtype) == symbolic.dtype


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


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_repeats_in_the_compute_dtype(policy):
    y = Amplify(2, dtype=policy)(np.array([[1.5], [-2.0]], "float32"))
    assert keras.backend.standardize_dtype(y.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(keras.ops.cast(y, "float32")), [[1.5], [1.5], [-2], [-2]])


@pytest.mark.parametrize("samples", [0, -3, 2.5, True, None, "two"])
def test_bad_samples_are_refused(samples):
    with pytest.raises(ValueError, match=rf"`samples` must .*Received: samples={samples!r}"):
        Amplify(samples)


def test_numpy_ints_are_samples():
    assert type(Amplify(np.int64(3)).get_config()["samples"]) is int
