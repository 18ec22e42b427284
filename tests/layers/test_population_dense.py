import re

import keras
import numpy as np
import pytest

from zoo.layers import PopulationDense


def test_every_network_is_a_dense_layer_of_its_own():
    first = PopulationDense(4, 3, activation="relu", kernel_initializer=keras.initializers.RandomNormal(seed=0))
    second = PopulationDense(2, 3, bias_initializer=keras.initializers.RandomNormal(seed=1))
    model = keras.Sequential([keras.Input((5,)), first, second])
    x = np.random.default_rng(0).normal(size=(7, 5)).astype("float32")
    y = model.predict(x, verbose=0)
    assert y.shape == model.compute_output_shape((7, 5)) == (7, 3, 2)
    (a, b, c, d) = model.get_weights()
    for network in range(3):
        hidden = np.maximum(x @ a[network] + b[network], 0)
        np.testing.assert_allclose(y[:, network], hidden @ c[network] + d[network], atol=1e-5)


@pytest.mark.parametrize(
    ("argument", "value"), [("units", 0), ("units", 1.5), ("networks", 0), ("networks", None), ("use_bias", 1)]
)
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {re.escape(f'{argument}={value!r}')}"):
        PopulationDense(**{"units": 2, "networks": 3, argument: value})


@pytest.mark.parametrize("shape", [(5,), (5, None), (5, 2, 4), (5, 3, 4, 1), [(5, 2), (5, 2)]])
def test_bad_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=re.escape(f"or (batch, 3, inputs). Received: input_shape={shape}")):
        PopulationDense(2, 3).compute_output_shape(shape)
