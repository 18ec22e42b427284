"""Keras's global settings, data format, dtype policy and seed: what each means to every layer and to builders."""

import contextlib

import keras
import numpy as np
import pytest

import zoo
from zoo import layers, registry

JAX = keras.backend.backend() == "jax"
POLICIES = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")
IMAGES = {"input_shape": (8, 8, 1)}

# A layer, the shapes of its inputs, and whether it draws anything from its seed.
LAYERS = {
    "Amplify": (lambda: layers.Amplify(3), [(2, 3)], False),
    "BatchNormalization": (layers.BatchNormalization, [(2, 4, 4, 3)], False),
    "BinaryLogits": (layers.BinaryLogits, [(4, 1)], False),
    "CoinFlip": (lambda: layers.CoinFlip(keras.layers.Dropout(0.5)), [(4, 64)], True),
    "CoinFlipDropout": (lambda: layers.CoinFlipDropout(0.5), [(4, 64)], True),
    "HyperDense": (lambda: layers.HyperDense(2), [(4, 3), (4, 8)], False),
    "KernelMoments": (lambda: layers.KernelMoments(4), [(4, 3)], True),
    "MajorityVote": (lambda: layers.MajorityVote(2), [(4, 3)], False),
    "NormalDraw": (layers.NormalDraw, [(4, 6)], True),
    "NormalizePixels": (layers.NormalizePixels, [(2, 4, 4, 3)], False),
    "PopulationDense": (lambda: layers.PopulationDense(2, 3), [(4, 3)], True),
    "RandomInput": (lambda: layers.RandomInput(5), [(4, 1)], True),
    "RandomInput, fixed rows": (lambda: layers.RandomInput(5, flip_at_inference=False), [(4, 1)], True),
    "ScoreMaskedConv": (lambda: layers.ScoreMaskedConv(2, 3), [(2, 5, 5, 3)], True),
    "ScoreMaskedConv, constants": (
        lambda: layers.ScoreMaskedConv(2, 3, kernel_initializer="signed_kaiming_constant"),
        [(2, 5, 5, 3)],
        True,
    ),
    "ScoreMaskedDense": (lambda: layers.ScoreMaskedDense(4), [(2, 8)], True),
    "SharedDraws": (lambda: layers.SharedDraws(2), [(4, 3)], False),
    "StochasticDense": (lambda: layers.StochasticDense(4), [(4, 3)], True),
    "StochasticDense, signs": (lambda: layers.StochasticDense(4, law="sign"), [(4, 3)], True),
}
BUILDERS = {
    "ball_cfnn": {"samples": 3},
    "cone_cfnn": {"samples": 3},
    "conv6": IMAGES,
    "conv6_edge_popup": IMAGES,
    "hypernet_cfnn": {**IMAGES, "samples": 2},
    "mlp_hypernetwork": {},
    "random_mlp": {"dim": 5, "width": 4, "depth": 2},
    "resnet18": IMAGES,
    "resnet20_cfnn": {**IMAGES, "depth": 8, "samples": 2},
    "stochastic_mlp": {},
}
every_layer = pytest.mark.parametrize("name", LAYERS)
every_builder = pytest.mark.parametrize("name", BUILDERS)


def test_every_layer_is_in_the_table():
    public = {name for name in layers.__all__ if isinstance(getattr(layers, name), type)}
    public = {name for name in public if issubclass(getattr(layers, name), keras.layers.Layer)}
    assert {name.partition(",")[0] for name in LAYERS} == public - {"CoinLayer"}  # which is there to derive from


@contextlib.contextmanager
def setting(name, value):
    """One of Keras's global settings, for a block."""
    before = getattr(keras.config, name)()
    getattr(keras.config, f"set_{name}")(value)
    try:
        yield
    finally:
        getattr(keras.config, f"set_{name}")(before)


def numbers(shapes):
    rng = np.random.default_rng(0)
    found = [rng.uniform(0.1, 1, shape).astype("float32") for shape in shapes]
    return found if len(found) > 1 else found[0]


def shapes_of(model):
    return [(3, *x.shape[1:]) for x in model.inputs]


def numpy(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


def outputs(name):
    """A layer's outputs at inference and in training after `set_random_seed`, and its weights."""
    make, shapes, _ = LAYERS[name]
    keras.utils.set_random_seed(3)
    layer, x = make(), numbers(shapes)
    found = [numpy(layer(x)), numpy(layer(x, training=True))]
    return found + [numpy(weight) for weight in layer.weights]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@every_layer
def test_a_layer_takes_channels_last_whatever_the_data_format(name):
    expected = outputs(name)
    with setting("image_data_format", "channels_first"):
        assert_same(outputs(name), expected)


# The deep ones take seconds to build, of what resnet18 and its kin are made of, too.
SEEING = [name for name in zoo.list_models() if "input_shape" in registry.find(name).options]
SEEING = [name for name in SEEING if not name.startswith(("resnet34", "resnet50", "resnet101"))]


@pytest.mark.parametrize("name", SEEING)
def test_a_builder_takes_channels_last_whatever_the_data_format(name):
    options = BUILDERS.get(name, IMAGES)
    expected = zoo.build(name, seed=0, **options)
    with setting("image_data_format", "channels_first"):
        found = zoo.build(name, seed=0, **options)
    found.name = expected.name
    for one, other in zip(found.layers, expected.layers, strict=True):
        drop = {"name": None, "seed": None}
        assert {**one.get_config(), **drop} == {**other.get_config(), **drop}
    assert_same(map(numpy, found.weights), map(numpy, expected.weights))


def test_a_folded_model_takes_channels_last_whatever_the_data_format():
    model, x = zoo.build("conv6_edge_popup", seed=0, **IMAGES), 255 * numbers([(2, 8, 8, 1)])
    with setting("image_data_format", "channels_first"):
        for trainable in (False, True):
            np.testing.assert_allclose(numpy(zoo.fold(model, trainable=trainable)(x)), numpy(model(x)), atol=1e-5)


@every_layer
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")  # JAX has no float64 unless it is asked for it
def test_a_layer_computes_in_the_policys_dtype(name, policy):
    make, shapes, _ = LAYERS[name]
    with setting("dtype_policy", policy):
        layer = make()
        for training in (False, True):
            found = layer(numbers(shapes), training=training)
            assert np.isfinite(numpy(found)).all()
    wanted = "float32" if name == "MajorityVote" else policy.removeprefix("mixed_")  # votes are counted in float32
    # Keras's own products make float32 of float64 on torch.
    narrow = JAX or (keras.backend.backend() == "torch" and name in ("HyperDense", "ScoreMaskedDense"))
    wanted = "float32" if narrow and wanted == "float64" else wanted
    assert keras.backend.standardize_dtype(found.dtype) == wanted


@every_builder
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")
def test_a_model_gives_float32_whatever_the_policy(name, policy):
    with setting("dtype_policy", policy):
        model = zoo.build(name, seed=0, **BUILDERS[name])
        x = numbers(shapes_of(model))
        found = model(x)
    assert np.isfinite(numpy(found)).all()
    assert keras.backend.standardize_dtype(found.dtype) == "float32"


@pytest.mark.parametrize("name", ["KernelMoments", "StochasticDense", "stochastic_mlp"])
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")
def test_compiled_training_in_float64(name):
    with setting("dtype_policy", "float64"):
        one = name in LAYERS
        model = keras.Sequential([keras.Input((3,)), LAYERS[name][0]()]) if one else zoo.build(name, seed=0)
        model.compile("sgd", "mse")
        x = numbers([(4, *model.input_shape[1:])])
        assert np.isfinite(model.train_on_batch(x, np.zeros((4, model.output_shape[-1]))))


@pytest.mark.parametrize("name", [name for name, (_, _, draws) in LAYERS.items() if draws])
def test_set_random_seed_determines_a_layer(name):
    make, shapes, _ = LAYERS[name]
    first = outputs(name)
    assert_same(outputs(name), first)
    layer, x = make(), numbers(shapes)  # the seed goes on
    after = [numpy(layer(x)), *map(numpy, layer.weights)]
    assert any((a != b).any() for a, b in zip(after, [first[0], *first[2:]], strict=True))


@every_builder
def test_set_random_seed_determines_a_model(name):
    built = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(seed)
        model = zoo.build(name, **BUILDERS[name])
        states = [keras.ops.convert_to_numpy(one) for one in model.variables]  # of the coins, too
        built.append([numpy(model(numbers(shapes_of(model)))), *states])
    assert_same(built[0], built[1])
    assert any((a != b).any() for a, b in zip(built[0], built[2], strict=True))


@pytest.mark.parametrize(
    "make",
    [
        layers.KaimingUniform,
        layers.SignedKaimingConstant,
        lambda: layers.FanInUniform(4),
        lambda: layers.Hyperfan(3, 4),
        layers.RandomizePruned,
    ],
)
def test_set_random_seed_determines_initializers_and_redraws(make):
    seeds = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(seed)
        seeds += [make().seed, make().seed]
    assert seeds[:2] == seeds[2:4]
    assert len(set(seeds)) == 4
