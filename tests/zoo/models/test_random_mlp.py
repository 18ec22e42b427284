import keras
import numpy as np
import pytest

import zoo


@pytest.mark.parametrize("networks", [None, 20])
def test_weights_have_the_variance_of_the_paper(networks):
    model = zoo.build("random_mlp", dim=50, width=200, depth=3, sigma_w=3.0, sigma_b=0.5, networks=networks, seed=0)
    for layer, fan_in in zip(model.layers[1:], (50, 200, 200, 200), strict=True):
        assert layer.kernel.shape[-2] == fan_in
        for weights, variance in ((layer.kernel, 9 / fan_in), (layer.bias, 0.25)):
            values = keras.ops.convert_to_numpy(weights)
            assert abs(values.mean()) < 5 * np.sqrt(variance / values.size)
            assert abs(values.var() / variance - 1) < 5 * np.sqrt(2 / values.size)


@pytest.mark.parametrize("activation", ["relu", "hard_tanh", "tanh"])
def test_a_population_is_many_networks_by_numpy(activation):
    model = zoo.build("random_mlp", dim=6, width=5, depth=2, activation=activation, sigma_b=1.0, networks=4, seed=1)
    x = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    function = {"relu": lambda h: np.maximum(h, 0), "hard_tanh": lambda h: np.clip(h, -1, 1), "tanh": np.tanh}
    weights = model.get_weights()
    for network in range(4):
        z = x
        for kernel, bias in zip(weights[:4:2], weights[1:4:2], strict=True):
            z = function[activation](z @ kernel[network] + bias[network])
        y = model.predict(x, verbose=0)
        np.testing.assert_allclose(y[:, network], z @ weights[4][network] + weights[5][network], rtol=1e-4, atol=1e-5)


def test_one_network_is_made_of_dense_layers_without_needless_biases():
    model = zoo.build("random_mlp", dim=6, width=5, depth=2, seed=0)
    assert [type(layer).__name__ for layer in model.layers[1:]] == ["Dense"] * 3
    assert [layer.name for layer in model.layers[1:]] == ["hidden_1", "hidden_2", "readout"]
    assert model.count_params() == 6 * 5 + 5 * 5 + 5
    assert model.output_shape == (None, 1)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[(option, 0) for option in ("dim", "width", "depth", "outputs", "networks", "sigma_w")],
        ("sigma_b", -1.0),
        ("activation", "gelu"),
    ],
)
def test_bad_options_are_named(option, value):
    with pytest.raises(ValueError, match=f"`{option}` must be"):
        zoo.build("random_mlp", **{option: value})
