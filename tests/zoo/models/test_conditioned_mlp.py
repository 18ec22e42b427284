"""The two-input models: the paper's numbers of parameters, and their functions redone in NumPy, example by example."""

import math

import keras
import numpy as np
import pytest

import zoo

SMALL = {"x_size": 6, "condition_size": 5, "outputs": 3, "depth": 3, "width": (7, 4), "hidden": (8, 2), "seed": 1}


def build(name, **options):
    return zoo.build(name, **{**SMALL, **options})


def examples(model, n=9):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, size[1])).astype("float32") for size in model.input_shape]


def weights(layer):
    kernel, bias = (keras.ops.convert_to_numpy(v).astype("float64") for v in (layer.kernel, layer.bias))
    return kernel, bias


def kernels(model, *prefixes):
    """Numbers in the kernels of the layers whose names begin so."""
    return sum(math.prod(x.kernel.shape) for x in model.layers if x.name.startswith(prefixes) and x.weights)


def relu(x):
    return np.maximum(x, 0)


# The paper's counts, biases aside: N_q, N_e, N_g, N_f.
FIG_1A = {"x_size": 1000, "condition_size": 1000, "outputs": 1, "hidden": (10,)}
FIG_1B = {"x_size": 100, "condition_size": 100, "outputs": 1, "hidden": (10,), "depth": 3}
TURN = {"outputs": 12, "hidden": (10,), "depth": 2}
MNIST = {**TURN, "x_size": 784, "condition_size": 784, "width": 50}
CIFAR = {**TURN, "x_size": 3072, "condition_size": 3072, "width": 100}
COLOUR = {"x_size": 42, "condition_size": 1024, "outputs": 3, "hidden": (10,), "depth": 2, "width": 100}


@pytest.mark.parametrize(
    ("options", "n_q", "n_e"),
    [
        ({**FIG_1A, "depth": 2, "width": 100, "embedding_dim": 10_000}, 110_010, 10**5 + 10**6),
        ({**FIG_1A, "depth": 5, "width": 100, "embedding_dim": 10_000}, 110_010, 10**5 + 3 * 10**4 + 10**6),
        ({**FIG_1B, "width": 100, "embedding_dim": 3000}, 10 * 3100 + 10, 2 * 10**4 + 3 * 10**5),
        ({**MNIST, "embedding_dim": 7850}, 8634 * 10 + 120, 784 * 50 + 50 * 7850),
        ({**CIFAR, "embedding_dim": 30_730}, 33_802 * 10 + 120, 3072 * 100 + 100 * 30_730),
        ({**COLOUR, "embedding_dim": 450}, 4950, 1024 * 100 + 100 * 450),
    ],
)
def test_the_embedding_has_the_papers_parameters(options, n_q, n_e):
    model = build("mlp_embedding", **options)
    assert kernels(model, "primary") == n_q
    assert kernels(model, "embedding") == n_e
    assert model.count_params() == n_q + n_e + sum(x.bias.shape[0] for x in model.layers if x.weights)


@pytest.mark.parametrize(
    ("options", "n_g", "n_f"),
    [
        ({**FIG_1A, "depth": 2, "width": 100}, 10_010, 10**5 + 100 * 10_010),
        ({**FIG_1A, "depth": 5, "width": 100}, 10_010, 10**5 + 3 * 10**4 + 100 * 10_010),
        ({**FIG_1B, "width": (100, 300)}, 1010, 10**4 + 3 * 10**4 + 300 * 1010),
        (MNIST, 7960, 784 * 50 + 50 * 7960),
        (CIFAR, 30_840, 3072 * 100 + 100 * 30_840),
        (COLOUR, 450, 1024 * 100 + 100 * 450),
    ],
)
def test_the_hypernetwork_has_the_papers_parameters(options, n_g, n_f):
    model = build("mlp_hypernetwork", **options, primary_bias=False)
    heads = [layer for layer in model.layers if layer.name.startswith("theta_")]
    assert sum(head.units for head in heads) == n_g
    assert kernels(model, "condition", "theta") == n_f == kernels(model, "")
    with_biases = build("mlp_hypernetwork", **options)
    made = sum(layer.units for layer in with_biases.layers if layer.name.startswith("theta_"))
    assert made == n_g + sum(options["hidden"]) + options["outputs"]


@pytest.mark.parametrize("primary_bias", [True, False])
@pytest.mark.parametrize("init", ["plain", "harmonic"])
def test_the_hypernetwork_is_a_network_per_example(primary_bias, init):
    model = build("mlp_hypernetwork", primary_bias=primary_bias, init=init, primary_activation="tanh")
    x, condition = examples(model)
    expected = []
    for one, code in zip(x.astype("float64"), condition.astype("float64"), strict=True):
        for name in ("condition_hidden_1", "condition_hidden_2"):
            kernel, bias = weights(model.get_layer(name))
            code = relu(code @ kernel + bias)
        for layer, (inputs, units) in enumerate([(6, 8), (8, 2), (2, 3)], 1):
            kernel, bias = weights(model.get_layer(f"theta_{layer}"))
            theta = code @ kernel + bias
            made = theta[: inputs * units].reshape(inputs, units)
            one = one @ made + (theta[inputs * units :] if primary_bias else 0)
            one = np.tanh(one) if layer < 3 else one
        expected.append(one)
    y = model.predict([x, condition], verbose=0)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    np.testing.assert_array_equal(y, model.predict({"x": x, "condition": condition}, verbose=0))


def test_the_embedding_is_a_network_of_x_and_the_embedding():
    model = build("mlp_embedding", embedding_dim=11, activation="elu", output_activation="sigmoid")
    x, condition = (part.astype("float64") for part in examples(model))
    e = condition
    for name in ("embedding_hidden_1", "embedding_hidden_2", "embedding"):
        kernel, bias = weights(model.get_layer(name))
        e = e @ kernel + bias
        e = e if name == "embedding" else np.where(e > 0, e, np.exp(e) - 1)
    y = np.concatenate([x, e], axis=1)
    for name in ("primary_hidden_1", "primary_hidden_2", "primary"):
        kernel, bias = weights(model.get_layer(name))
        y = y @ kernel + bias
        y = y if name == "primary" else relu(y)
    np.testing.assert_allclose(model.predict(examples(model), verbose=0), 1 / (1 + np.exp(-y)), atol=1e-5)


@pytest.mark.parametrize("name", ["mlp_embedding", "mlp_hypernetwork"])
def test_plain_weights_fill_the_interval_of_their_fan_in(name):
    model = build(name, **FIG_1A, depth=3, width=100)
    for layer in (layer for layer in model.layers if layer.weights):
        bound = layer.kernel.shape[0] ** -0.5
        kernel, bias = weights(layer)
        assert abs(kernel).max() <= bound
        assert abs(bias).max() <= bound
        if kernel.size > 5000:
            assert kernel.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        if bias.size > 1:
            assert np.ptp(bias) > 0


@pytest.mark.parametrize(("init", "factor"), [("fan_in", 1), ("fan_out", 300 / 50), ("harmonic", 12 / 7)])
def test_hyperfan_sets_the_variance_of_what_the_first_generated_layer_gives(init, factor):
    """Factor: inputs / units for "fan_out", which keeps the gradients', and 2 / (1 + 1 / 6) for the mean of both."""
    options = {"x_size": 300, "condition_size": 400, "width": (200, 200), "hidden": (), "outputs": 50}
    model = build("mlp_hypernetwork", **options, primary_bias=False, init=init, seed=3)
    x, condition = examples(model, 300)
    features = keras.Model(model.input, model.get_layer("theta_1").input).predict([x, condition], verbose=0)
    assert np.mean(features**2) == pytest.approx(1, rel=0.2)
    y = model.predict([x, condition], verbose=0)
    assert y.var() == pytest.approx(factor * np.mean(x**2) * np.mean(features**2), rel=0.1)


def test_hyperfan_counts_the_relu_before_a_generated_layer():
    options = {"x_size": 300, "condition_size": 400, "width": (200, 200), "hidden": (256,), "outputs": 50, "seed": 3}
    found = {}
    for activation in ("relu", "elu"):
        model = build("mlp_hypernetwork", **options, init="fan_in", primary_bias=False, primary_activation=activation)
        bound = np.abs(weights(model.get_layer("theta_2"))[0]).max()
        found[activation] = bound**2 / 3 * 256 * 200
    assert found == pytest.approx({"relu": 2, "elu": 1}, rel=0.01)


def test_a_single_layer_on_either_side():
    model = build("mlp_hypernetwork", depth=1, width=9, hidden=(), primary_bias=False)
    x, condition = examples(model)
    kernel, bias = weights(model.get_layer("theta_1"))
    theta = (condition @ kernel + bias).reshape(-1, 6, 3)
    np.testing.assert_allclose(model.predict([x, condition], verbose=0), np.einsum("ni,niu->nu", x, theta), atol=1e-5)
    assert len(build("mlp_embedding", depth=1, width=(), hidden=(), embedding_dim=4).weights) == 4


@pytest.mark.parametrize("name", ["mlp_embedding", "mlp_hypernetwork"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x_size": 0}, "`x_size` must be a positive int. Received: x_size=0"),
        ({"condition_size": 2.5}, "`condition_size` must be a positive int"),
        ({"outputs": -1}, "`outputs` must be a positive int"),
        ({"depth": 0}, "`depth` must be a positive int"),
        ({"width": 0}, "`width` must be a positive int"),
        ({"width": (7,)}, r"`width` must be an int or 2 ints, depth - 1. Received: width=\(7,\)"),
        ({"width": (7, 0)}, "`width` must be a positive int. Received: width=0"),
        ({"hidden": 10}, "`hidden` must be a tuple of positive ints. Received: hidden=10"),
        ({"hidden": (10, "x")}, "`hidden` must be a positive int. Received: hidden='x'"),
        ({"activation": "rellu"}, "`activation` must be a Keras activation or None. Received: activation='rellu'"),
        ({"primary_activation": "x"}, "`primary_activation` must be"),
        ({"output_activation": 3}, "`output_activation` must be"),
        ({"widht": 3}, "Did you mean 'width'"),
        ({"seed": -1}, "`seed` must be"),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, **options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mlp_embedding", {"embedding_dim": 0}, "`embedding_dim` must be a positive int"),
        ("mlp_embedding", {"init": "plain"}, "Unknown option"),
        ("mlp_hypernetwork", {"init": "hyperfan"}, "`init` must be one of 'plain', 'fan_in', 'fan_out', 'harmonic'"),
        ("mlp_hypernetwork", {"primary_bias": 1}, "`primary_bias` must be a bool"),
    ],
)
def test_bad_options_of_one_model_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, **options)


def test_cards_tell_the_options():
    assert "`init` = `'plain'`" in zoo.card("mlp_hypernetwork")
    assert "`embedding_dim` = `10000`" in zoo.card("mlp_embedding")
