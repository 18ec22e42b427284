"""What every model of the zoo keeps: adding a model adds its tests."""

import keras
import numpy as np
import pytest
from gradients import gradients

import zoo
from zoo.amplification.amplified import coins_off
from zoo.layers import KaimingUniform, SignedKaimingConstant
from zoo.layers.score_masked import masked_layers
from zoo.registry import find as find_model

# Small enough for a test; a model takes what it has of these, or has a line of its own.
SMALL = {"input_shape": (8, 8, 1), "depth": 8, "samples": 3, "classes": 4, "width": 0.125}
OPTIONS: dict[str, dict] = {}
OPTIONS["hypernet_deterministic"] = {"input_shape": (8, 8, 1), "classes": 4, "depth": 6}
OPTIONS["hypernet_cfnn"] = {**OPTIONS["hypernet_deterministic"], "samples": 3}
# Models of two vectors, x and a condition.
VECTORS = {"x_size": 6, "condition_size": 5, "outputs": 4, "width": 8, "output_activation": "softmax"}
OPTIONS["mlp_embedding"] = {**VECTORS, "embedding_dim": 7}
OPTIONS["mlp_hypernetwork"] = VECTORS
# Deep ones are made of the others' parts and take minutes to compile; edge-popup's networks are IteRand's.
DEEP = ("resnet18_", "resnet34", "resnet50", "resnet101")
SLOW = [name for name in zoo.list_models() if "edge_popup" in name or name.startswith(DEEP)]

# The same parts as in a model that JAX runs.
TWINS = ("conv6", "hypernet_deterministic", "mlp_embedding", "resnet20_dropout", "tangent_cfnn")

X = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1)).astype("uint8")
Y = np.arange(8) % 4
OPTIONS["stochastic_mlp"] = {"dim": 6, "classes": 4, "hidden": (5, 3), "samples": 3}
OPTIONS["random_mlp"] = {"dim": 6, "width": 5, "outputs": 4}
NUMBERS = ("random_mlp",)  # what it gives are no shares of classes
UNTRAINED = ("ball_cfnn", "cone_cfnn", "tangent_cfnn")  # their law is all they are


def inputs(model):
    """Images, or normal vectors where the model takes vectors."""
    if takes_images(model):
        return X
    vectors = [np.random.default_rng(0).normal(size=(8, x.shape[1])).astype("float32") for x in model.inputs]
    return vectors if isinstance(model.input, list) else vectors[0]


def takes_images(model):
    return len(model.inputs[0].shape) == 4


def small(name, seed=1):
    options = OPTIONS.get(
        name, {option: value for option, value in SMALL.items() if option in find_model(name).options}
    )
    return zoo.build(name, seed=seed, **options)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW) + [pytest.mark.on_tensorflow] * (name in TWINS))
        for name in zoo.list_models()
    ],
)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    """Not to be changed by a test."""
    return small(name)


@pytest.fixture(scope="module")
def expected(model):
    return coins_off(model)


def test_the_card_describes_every_option(name):
    card = zoo.card(name)
    for option, default in find_model(name).options.items():
        assert f"- `{option}` = `{default!r}`: " in card


def test_output_is_a_distribution_over_classes(name, model):
    if name in NUMBERS:
        pytest.skip("its outputs are any numbers")
    assert model.output_shape == (None, 2 if name in UNTRAINED else 4)
    y = model.predict(inputs(model), batch_size=5, verbose=0)
    assert y.shape == (8, model.output_shape[1])
    assert y.dtype == np.float32
    assert (y >= 0).all()
    np.testing.assert_allclose(y.sum(1), 1, atol=1e-5)


def test_uint8_and_float_images_agree(expected):
    if not takes_images(expected):
        pytest.skip("it takes no images")
    y = expected.predict(X, verbose=0)
    np.testing.assert_allclose(expected.predict(X.astype("float32"), verbose=0), y, atol=1e-6)
    assert y.std(axis=0).max() > 1e-4  # the output depends on the image at all


@pytest.mark.not_on("jax", "XLA compiles everything anyway")
@pytest.mark.not_on("torch", "jit_compile is torch.compile there, which needs a C++ compiler and minutes a model")
def test_compilers_agree(model, expected):
    compiled = keras.models.clone_model(expected)  # not the model itself, which a test must not change
    compiled.set_weights(expected.get_weights())
    compiled.compile(jit_compile=True)
    x = inputs(expected)
    y = compiled.predict(x, verbose=0)
    np.testing.assert_allclose(y, expected.predict(x, verbose=0), atol=1e-4)


def test_keras_file_round_trip(model, expected, tmp_path):
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert copy.name == model.name
    x = inputs(model)
    np.testing.assert_allclose(coins_off(copy).predict(x, verbose=0), expected.predict(x, verbose=0), atol=1e-6)


def test_a_seed_fixes_weights_and_coins(name, model):
    first, same, other = small(name, 5), small(name, 5), small(name, 6)
    for a, b in zip(first.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b, weight in zip(first.get_weights(), other.get_weights(), first.weights, strict=True):
        constant = np.ptp(a) == 0 or name in UNTRAINED  # such as biases
        assert np.array_equal(a, b) == constant, weight.path
    states = [{tuple(keras.ops.convert_to_numpy(v.value)) for v in _coins(m)} for m in (first, same, other)]
    assert states[0] == states[1]
    assert len(states[0]) == len(_coins(first))  # every layer flips its own coin
    assert not states[0] or not states[0] & states[2]


def _coins(model):
    return [v for v in model.variables if not any(v is weight for weight in model.weights)]


def test_every_trainable_weight_gets_a_gradient(name):
    model = small(name)
    if name in UNTRAINED:
        assert not model.trainable_weights
        return
    gradients = _gradients(model, inputs(model), Y)
    assert len(gradients) == len(model.trainable_weights) > 0
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        gradient = keras.ops.convert_to_numpy(gradient)
        assert np.isfinite(gradient).all(), weight.path
        assert gradient.any(), weight.path


def _gradients(model, x, y):
    """Of the mean cross-entropy, in training, by the backend's own means."""
    loss = keras.losses.SparseCategoricalCrossentropy()
    if keras.backend.backend() != "jax":
        return gradients(lambda: loss(y, model(x, training=True)), variables=model.trainable_weights)[1]
    import jax

    rest = [v.value for v in model.non_trainable_variables]

    def value(trainable):
        return loss(y, model.stateless_call(trainable, rest, x, training=True)[0])

    return jax.jit(jax.grad(value))([v.value for v in model.trainable_variables])


def test_one_training_step_changes_every_weight(name):
    model = small(name)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    if name in UNTRAINED:
        pytest.skip("it has nothing to train")
    before = model.get_weights()
    history = model.fit(inputs(model), Y % model.output_shape[1], batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"][0])
    assert history["accuracy"][0] * 8 == pytest.approx(round(history["accuracy"][0] * 8))
    frozen = {layer.kernel.path for layer in masked_layers(model)}
    for weight, a, b in zip(model.weights, before, model.get_weights(), strict=True):
        assert np.array_equal(a, b) == (weight.path in frozen), weight.path


def test_mixed_precision(name):
    old = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small(name)
        y = model.predict(inputs(model), verbose=0)
    finally:
        keras.config.set_dtype_policy(old)
    assert {layer.compute_dtype for layer in model.layers} >= {"bfloat16"}
    assert y.dtype == np.float32
    if name not in NUMBERS:
        np.testing.assert_allclose(y.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("initializer", [keras.initializers.HeNormal, KaimingUniform, SignedKaimingConstant])
def test_an_initializer_object_draws_other_weights_for_each_layer_the_same_for_a_seed(initializer):
    options = {"input_shape": (8, 8, 1), "width": 0.05, "seed": 3}
    one, two = (zoo.build("conv6_edge_popup", **options, kernel_initializer=initializer()) for _ in range(2))
    kernels = [[keras.ops.convert_to_numpy(layer.kernel) for layer in masked_layers(model)] for model in (one, two)]
    for a, b in zip(*kernels, strict=True):
        np.testing.assert_array_equal(a, b)
    signs = [(kernel.ravel()[:20] > 0).tobytes() for kernel in kernels[0]]
    assert len(set(signs)) == len(signs)
