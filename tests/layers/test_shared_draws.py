import keras
import numpy as np
import pytest

from zoo.layers import HyperDense, RandomInput, SharedDraws


@pytest.mark.parametrize("shape", [(3,), (1, 3), (5, 2, 2, 3)])
def test_values_are_not_used(shape):
    rows = SharedDraws(4)(np.full(shape, np.nan, "float32"))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(rows), np.zeros((4, 1)))


def test_every_batch_has_as_many_draws_and_all_of_its_examples_meet_them(tmp_path):
    inputs, seen = keras.Input((3,)), []
    theta = RandomInput(16, seed=1)(SharedDraws(5)(inputs))
    keras.Model(inputs, HyperDense(4, shared=True)([inputs, theta])).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    rows = model.predict(np.ones((7, 3)), batch_size=4, verbose=0)  # the last batch is smaller, its draws are not fewer
    for y in (rows[:20], rows[20:], model.predict(np.ones((1, 3)), verbose=0)):
        y = y.reshape(-1, 5, 4)
        np.testing.assert_allclose(y, np.repeat(y[:1], len(y), axis=0), rtol=1e-5)
        seen.append(y[0])
    assert rows.shape == (35, 4)
    assert len(np.unique(np.concatenate(seen).round(4), axis=0)) == 15  # every draw is another, in every batch


@pytest.mark.parametrize("samples", [0, -3, 2.5, True, None, "two"])
def test_bad_samples_are_refused(samples):
    with pytest.raises(ValueError, match=rf"`samples` must .*Received: samples={samples!r}"):
        SharedDraws(samples)
