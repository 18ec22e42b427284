import keras
import numpy as np
import pytest

import zoo
from zoo.probes import hold, nearest_flip, trajectory_lengths


def test_the_model_of_the_other_inputs_gives_the_same(tmp_path):
    model = zoo.build("mlp_hypernetwork", seed=1)
    x, condition = (np.random.default_rng(0).standard_normal((4, *i.shape[1:])).astype("float32") for i in model.inputs)
    names = [i.name for i in model.inputs]
    held = hold(model, {names[1]: condition[2]})
    assert [i.name for i in held.inputs] == names[:1]
    expected = model.predict([x, np.repeat(condition[2:3], 4, axis=0)], verbose=0)
    np.testing.assert_allclose(held.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
    held.save(tmp_path / "held.keras")
    again = keras.saving.load_model(tmp_path / "held.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)


def test_weights_are_shared_and_layers_keep_their_names():
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    layer = keras.layers.Dense(1, name="sum")
    model = keras.Model([a, b], layer(keras.layers.add([a, b])))
    held = hold(model, {"a": np.zeros(6)})
    layer.set_weights([np.arange(1.0, 7)[:, None], np.array([0.5])])
    x = np.array([[1.0, 1, 1, 1, 1, -1]], "float32")
    np.testing.assert_allclose(held.predict(x, verbose=0), [[9.5]])
    assert nearest_flip(held, x).tolist() == [1]  # 9.5 - 2 * 5 < 0
    assert list(trajectory_lengths(held, np.stack([x[0], -x[0]]))) == ["sum"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"c": np.zeros(2)}, "Unknown input"),
        ({"a": np.zeros(3)}, "`values` must be of the shape \\(2,\\) for 'a'"),
        ({"a": np.zeros((1, 2))}, "`values` must be of the shape"),
        ({"a": "ab"}, "`values` must be a number or an array of numbers"),
        ({"a": [0, np.nan]}, "`values` must be finite"),
        ({"a": np.zeros(2), "b": np.zeros(2)}, "`values` must leave an input"),
    ],
)
def test_what_does_not_fit_is_named(values, message):
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    with pytest.raises(ValueError, match=message):
        hold(keras.Model([a, b], keras.layers.add([a, b])), values)
