import h5py
import keras
import numpy as np

from zoo.weights.weights_bytes import weights_bytes, write_weights


def network():
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.BatchNormalization()(inputs)))


def test_weights_are_those_that_keras_writes(tmp_path):
    model = network()
    write_weights(model, tmp_path / "ours.weights.h5")
    model.save_weights(tmp_path / "keras.weights.h5")

    def held(name):
        found = {}

        def take(at, one):
            found[at] = dict(one.attrs), one[()].tolist() if isinstance(one, h5py.Dataset) else None

        with h5py.File(tmp_path / name) as file:
            take("", file)
            file.visititems(take)
        return found

    ours, theirs = held("ours.weights.h5"), held("keras.weights.h5")
    assert ours == theirs
    assert len(theirs) > 8


def test_keras_reads_them_and_they_are_smaller(tmp_path):
    model, other = network(), network()
    model.save_weights(tmp_path / "keras.weights.h5")
    (tmp_path / "ours.weights.h5").write_bytes(weights_bytes(model))
    other.load_weights(tmp_path / "ours.weights.h5")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (tmp_path / "ours.weights.h5").stat().st_size < 0.75 * (tmp_path / "keras.weights.h5").stat().st_size
