"""The laws that every layer and initializer keeps: configurations, files, shapes, training, precision."""

import inspect
import json
from functools import cache
from typing import NamedTuple

import keras
import numpy as np
import pytest

from zoo import layers
from zoo.layers.coins import flips_coins

LAYER = keras.layers.Layer
DTYPE = keras.backend.standardize_dtype
SMALL, OTHER, LARGE = (layers.FanInUniform(fan_in, seed=fan_in) for fan_in in (4, 3, 1))  # equal in every dtype
SIGNS, DECAY = layers.SignedKaimingConstant(3), keras.regularizers.L2(0.125)


@keras.saving.register_keras_serializable(package="every_layer")
def lopsided(shape, seed):
    """Noise of a law that has to be registered."""
    return keras.random.uniform(shape, seed=seed) ** 2


class Case(NamedTuple):
    """A layer to make and the shapes of its inputs; a first axis that `fixed` names is not the batch."""

    kind: type
    arguments: dict
    shapes: tuple
    fixed: tuple = ()

    def layer(self, **options):
        """A new layer, and a new one inside: its generator would remember what other tests drew."""
        inside = {k: v.from_config(v.get_config()) for k, v in self.arguments.items() if isinstance(v, LAYER)}
        return self.kind(**{**self.arguments, **inside, **options})

    def symbolic(self):
        """Input shapes with an unknown batch."""
        return [shape if i in self.fixed else (None, *shape[1:]) for i, shape in enumerate(self.shapes)]

    def data(self, dtype="float32"):
        return packed([np.random.default_rng(i).normal(size=s).astype(dtype) for i, s in enumerate(self.shapes)])

    @property
    def uses_values(self):
        """Whether outputs are functions of the inputs' values, not of their number alone."""
        return self.kind not in (layers.RandomInput, layers.SharedDraws)


MASKED = {"activation": "tanh", "sparsity": 0.25, "score_regularizer": DECAY, "seed": 11}
MASKED |= {"kernel_initializer": SIGNS, "score_initializer": SMALL}
DRAWN = {"loc_initializer": SMALL, "scale_initializer": LARGE, "seed": 3}
MOMENTS = {"units": 4, "loc_initializer": SMALL, "scale_initializer": LARGE}
CASES = {
    "Amplify": Case(layers.Amplify, {"samples": 3}, ((6, 2, 3),)),
    "Amplify, once": Case(layers.Amplify, {"samples": 1}, ((6, 3),)),
    "BatchNormalization": Case(layers.BatchNormalization, {"momentum": 0.8, "center": False}, ((6, 5, 4, 3),)),
    "BatchNormalization, series": Case(
        layers.BatchNormalization, {"epsilon": 0.01, "gamma_initializer": LARGE}, ((6, 5, 3),)
    ),
    "BatchNormalization, rows": Case(layers.BatchNormalization, {"scale": False}, ((6, 3),)),
    "BinaryLogits": Case(layers.BinaryLogits, {}, ((6, 1),)),
    "CoinFlip": Case(
        layers.CoinFlip,
        {"layer": keras.layers.Dropout(0.25, seed=1), "rate": 0.5, "fixed": True, "seed": 3},
        ((6, 2, 3),),
    ),
    "CoinFlip, training": Case(
        layers.CoinFlip, {"layer": keras.layers.GaussianNoise(0.5, seed=1), "flip_at_inference": False}, ((6, 3),)
    ),
    "CoinFlipDropout": Case(layers.CoinFlipDropout, {"rate": 0.25, "seed": 3}, ((6, 2, 3),)),
    "CoinFlipDropout, training": Case(
        layers.CoinFlipDropout, {"rate": 0.25, "flip_at_inference": False, "seed": 3}, ((6, 3),)
    ),
    "CoinFlipDropout, channels": Case(
        layers.CoinFlipDropout, {"rate": 0.25, "noise_shape": (None, 1, None), "seed": 3}, ((6, 2, 3),)
    ),
    "HyperDense": Case(layers.HyperDense, {"units": 4}, ((6, 3), (6, 16))),
    "HyperDense, shared": Case(
        layers.HyperDense, {"units": 4, "activation": "tanh", "shared": True}, ((6, 3), (2, 16)), fixed=(1,)
    ),
    "HyperDense, expected": Case(
        layers.HyperDense,
        {"units": 4, "use_bias": False, "shared": True, "expected": True},
        ((6, 3), (2, 12)),
        fixed=(1,),
    ),
    "KernelMoments": Case(layers.KernelMoments, MOMENTS, ((6, 3),)),
    "KernelMoments, frozen": Case(
        layers.KernelMoments,
        {"units": 4, "loc_initializer": 0.5, "scale_initializer": 0.3, "trainable": False},
        ((6, 70),),
    ),
    "MajorityVote": Case(layers.MajorityVote, {"samples": 3}, ((6, 4),)),
    "MajorityVote, soft": Case(layers.MajorityVote, {"samples": 3, "vote": "mean", "temperature": 2.5}, ((6, 4),)),
    "MajorityVote, labels": Case(
        layers.MajorityVote, {"samples": 3, "vote": "mean", "kind": "labels", "from_logits": False}, ((6, 4, 1),)
    ),
    "MajorityVote, numbers": Case(layers.MajorityVote, {"samples": 3, "vote": "mean", "kind": "numbers"}, ((6, 2),)),
    "NormalDraw": Case(layers.NormalDraw, {"bias": 0.5, "gate": 0.75, "activation": "tanh", "seed": 3}, ((8, 6),)),
    "NormalDraw, training": Case(layers.NormalDraw, {"flip_at_inference": False, "seed": 3}, ((8, 6),)),
    "NormalizePixels": Case(
        layers.NormalizePixels, {"mean": [0.4, 0.1, 0.2], "variance": [0.09, 1.0, 0.5]}, ((6, 2, 2, 3),)
    ),
    "PopulationDense": Case(
        layers.PopulationDense,
        {"units": 2, "networks": 3, "activation": "tanh", "kernel_initializer": SMALL, "bias_initializer": OTHER},
        ((6, 5),),
    ),
    "PopulationDense, own inputs": Case(
        layers.PopulationDense,
        {"units": 2, "networks": 3, "use_bias": False, "kernel_initializer": SMALL},
        ((6, 3, 5),),
    ),
    "RandomInput": Case(layers.RandomInput, {"units": 5, "seed": 3}, ((12, 2, 3),)),
    "RandomInput, normal": Case(layers.RandomInput, {"units": 5, "distribution": "normal", "seed": 3}, ((12,),)),
    "RandomInput, classes": Case(
        layers.RandomInput, {"units": 3, "distribution": "categorical", "seed": 3}, ((12, 2),)
    ),
    "RandomInput, training": Case(layers.RandomInput, {"units": 5, "flip_at_inference": False, "seed": 3}, ((12, 2),)),
    "RandomInput, mean": Case(
        layers.RandomInput, {"units": 5, "flip_at_inference": False, "without_flips": "mean", "seed": 3}, ((12, 2),)
    ),
    "ScoreMaskedConv": Case(
        layers.ScoreMaskedConv,
        {"filters": 7, "kernel_size": (3, 2), "strides": (2, 1), "padding": "same", "score_transform": "abs", **MASKED},
        ((6, 5, 5, 3),),
    ),
    "ScoreMaskedDense": Case(layers.ScoreMaskedDense, {"units": 7, **MASKED}, ((6, 4),)),
    "ScoreMaskedDense, series": Case(
        layers.ScoreMaskedDense,
        {"units": 7, "score_transform": "abs", "kernel_initializer": keras.initializers.Constant(0.5), "seed": 11},
        ((6, 2, 4),),
    ),
    "SharedDraws": Case(layers.SharedDraws, {"samples": 4}, ((6, 2, 3),)),
    "SharedDraws, scalars": Case(layers.SharedDraws, {"samples": 4}, ((6,),)),
    "StochasticDense": Case(
        layers.StochasticDense, {"units": 4, "bias": 0.5, "gate": 0.75, "activation": "tanh", **DRAWN}, ((8, 3),)
    ),
    "StochasticDense, signs": Case(layers.StochasticDense, {"units": 4, "law": "sign", **DRAWN}, ((8, 3),)),
    "StochasticDense, uniform": Case(layers.StochasticDense, {"units": 4, "law": "uniform", **DRAWN}, ((8, 3),)),
    "StochasticDense, shared": Case(layers.StochasticDense, {"units": 4, "shared": True, **DRAWN}, ((8, 3),)),
    "StochasticDense, own law": Case(
        layers.StochasticDense, {"units": 4, "law": "every_layer>lopsided", "gate": 0.75, **DRAWN}, ((8, 3),)
    ),
    "StochasticDense, training": Case(
        layers.StochasticDense, {"units": 4, "trainable": False, "flip_at_inference": False, **DRAWN}, ((8, 3),)
    ),
}
INITIALIZERS = {
    layers.FanInUniform: {"fan_in": 5},
    layers.Hyperfan: {"inputs": 2, "units": 3, "mode": "harmonic", "variance": 0.5, "gain": 2.0, "use_bias": False},
    layers.KaimingUniform: {},
    layers.SignedKaimingConstant: {},
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
OWN = {name: case for name, case in CASES.items() if case.kind is not layers.CoinFlip}  # computes as what it wraps
every_case_of_a_dtype = pytest.mark.parametrize("case", OWN.values(), ids=OWN)
every_initializer = pytest.mark.parametrize("kind", INITIALIZERS)


def packed(inputs):
    return inputs if len(inputs) > 1 else inputs[0]


def numpy(x):
    """Convert to float64, which holds every number of the other dtypes."""
    if DTYPE(x.dtype) in ("bfloat16", "float16"):
        x = keras.ops.cast(x, "float32")
    return keras.ops.convert_to_numpy(x).astype("float64")


def in_json(value):
    """Argument as a configuration holds it."""
    if isinstance(value, float | int):
        return value
    if isinstance(value, keras.initializers.Initializer | keras.regularizers.Regularizer | keras.layers.Layer):
        value = keras.saving.serialize_keras_object(value)
    return json.loads(json.dumps(value))


def network(case):
    """Put the layer between dense layers; below it only if gradients pass."""
    inputs = [keras.Input(batch_shape=shape) for shape in case.symbolic()]
    dense = [
        keras.layers.Dense(shape[-1], use_bias=False, kernel_initializer=keras.initializers.GlorotUniform(seed=i))
        for i, shape in enumerate(case.shapes)
    ]
    x = [below(one) for below, one in zip(dense, inputs, strict=True)] if case.uses_values else inputs
    head = keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=9), name="head")
    return keras.Model(packed(inputs), head(case.layer(name="layer")(packed(x))))


@cache
def trained(name):
    """Train for one compiled step: the model, its trainable weights from before, and the loss."""
    case = CASES[name]
    model = network(case)
    before = {v.path: numpy(v) for v in model.trainable_variables}
    model.compile(keras.optimizers.SGD(0.1), "mse")
    shape = model.compute_output_shape(packed([tuple(shape) for shape in case.shapes]))
    return model, before, model.train_on_batch(case.data(), np.ones(shape, "float32"))


def test_everything_public_is_here():
    public = {getattr(layers, name) for name in layers.__all__}
    rest = public - {case.kind for case in CASES.values()} - set(INITIALIZERS)
    assert rest == {layers.CoinLayer, layers.RandomizePruned, layers.topk_mask}  # to derive from, or no layer


@pytest.mark.parametrize("kind", sorted({case.kind for case in CASES.values()} | set(INITIALIZERS), key=repr))
def test_every_argument_is_tried_at_another_value_than_its_default(kind):
    tried = [case.arguments for case in CASES.values() if case.kind is kind] or [{**INITIALIZERS[kind], "seed": 9}]
    for base in kind.__mro__:
        if not base.__module__.startswith("zoo.") or "__init__" not in vars(base):
            continue
        for name, parameter in inspect.signature(base.__init__).parameters.items():
            if name not in ("self", "kwargs"):
                assert any(name in given and given[name] != parameter.default for given in tried), name


@every_case
def test_a_configuration_holds_every_argument(case):
    layer = case.layer(name="chosen", dtype="mixed_bfloat16", trainable=False)
    found = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    assert found["registered_name"] == f"coinflip_zoo>{case.kind.__name__}"
    config = found["config"]
    assert (config["name"], config["trainable"]) == ("chosen", False)
    assert config["dtype"]["config"]["name"] == "mixed_bfloat16"
    for name, value in case.arguments.items():
        if name.endswith("initializer") and isinstance(value, float):
            value = keras.initializers.Constant(value)
        assert config[name] == (False if name == "trainable" else in_json(value)), name
    for copy in (case.kind.from_config(config), keras.saving.deserialize_keras_object(found)):
        assert type(copy) is case.kind
        assert copy.get_config() == layer.get_config()


@every_case
def test_a_layer_from_a_configuration_computes_the_same(case):
    layer, x = case.layer(), case.data()
    copy = case.kind.from_config(json.loads(json.dumps(layer.get_config())))
    for training in (False, True):
        np.testing.assert_array_equal(numpy(copy(x, training=training)), numpy(layer(x, training=training)))


@every_case
def test_json_of_a_model(case):
    model = network(case)
    copy = keras.models.model_from_json(model.to_json())
    assert copy.to_json() == model.to_json()
    assert copy.get_layer("layer").get_config() == model.get_layer("layer").get_config()


@every_case
@pytest.mark.parametrize("batch", ["known", "unknown"])
def test_symbolic_shape_is_the_eager_one(case, batch):
    shapes = list(case.shapes) if batch == "known" else case.symbolic()
    layer = case.layer()
    symbolic = layer(packed([keras.Input(batch_shape=shape) for shape in shapes]))
    assert symbolic.shape == layer.compute_output_shape(packed(shapes))
    for training in (False, True):
        eager = layer(case.data(), training=training)
        assert DTYPE(eager.dtype) == symbolic.dtype
        assert tuple(eager.shape)[1:] == symbolic.shape[1:]
        follows = batch == "unknown" and case.kind is not layers.SharedDraws
        assert symbolic.shape[0] == (None if follows else eager.shape[0])


@pytest.mark.parametrize("name", CASES)
def test_a_compiled_step_trains_what_is_to_be_trained(name):
    model, before, loss = trained(name)
    assert np.isfinite(loss)
    layer = model.get_layer("layer")
    moved = {v.path: numpy(v) != before[v.path] for v in model.trainable_variables}
    assert len(moved) == CASES[name].uses_values * len(CASES[name].shapes) + len(layer.trainable_weights) + 2
    if CASES[name].kind is layers.SharedDraws:  # its rows are zeros
        del moved[model.get_layer("head").kernel.path]
    for path, where in moved.items():
        assert where.all(), path


@pytest.mark.parametrize("name", CASES)
def test_files_keep_outputs_and_random_state(name, tmp_path):
    model, x = trained(name)[0], CASES[name].data()
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    copy, other = keras.models.load_model(tmp_path / "m.keras"), keras.Model.from_config(model.get_config())
    for variable in other.variables:  # states of generators, too
        variable.assign(np.ones(variable.shape))
    other.load_weights(tmp_path / "m.weights.h5")
    assert type(copy.get_layer("layer")) is CASES[name].kind
    followed = []
    for training in (False, True, False):
        followed.append(numpy(model(x, training=training)))
        for loaded in (copy, other):  # the stream goes on
            np.testing.assert_array_equal(numpy(loaded(x, training=training)), followed[-1])
    if CASES[name].kind is not layers.BatchNormalization:  # the call in training moved its statistics
        assert np.array_equal(followed[0], followed[2]) == (not flips_coins(model.get_layer("layer")))


@pytest.fixture
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@every_case_of_a_dtype
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_rounds_the_numbers_of_float32(case, policy):
    layer, wide, x = case.layer(dtype=policy), case.layer(), case.data()
    outputs, low = layer(x), policy.removeprefix("mixed_")
    assert DTYPE(outputs.dtype) == layer(packed([keras.Input(batch_shape=s) for s in case.shapes])).dtype == low
    assert {DTYPE(v.dtype) for v in layer.weights} <= {"float32"}
    assert {one.dtype_policy.name for one in layer._flatten_layers()} == {policy}
    np.testing.assert_allclose(numpy(outputs), numpy(wide(x)), rtol=2**-5, atol=2**-5)


@every_case_of_a_dtype
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"], indirect=True)
def test_layers_follow_the_global_policy_but_votes_are_counted_in_float32(case, policy):
    layer, low = case.layer(), policy.removeprefix("mixed_")
    expected = "float32" if case.kind is layers.MajorityVote else low
    assert DTYPE(layer(case.data()).dtype) == layer.compute_dtype == expected
    names = {one.dtype_policy.name for one in layer._flatten_layers()}
    assert names == {"float32" if expected == "float32" else policy}


@pytest.mark.not_on("jax", "Keras's own operations make float32 of float64")
@pytest.mark.not_on("torch", "Keras's own operations make float32 of float64")
@every_case_of_a_dtype
def test_float64_is_float64_throughout(case):
    x, near = case.data("float64"), 1 + 1e-11
    layer, same, wide = case.layer(dtype="float64"), case.layer(dtype="float64"), case.layer(dtype="float32")
    outputs = layer(x)
    assert DTYPE(outputs.dtype) == layer(packed([keras.Input(batch_shape=s) for s in case.shapes])).dtype == "float64"
    assert {DTYPE(v.dtype) for v in layer.weights} <= {"float64"}
    if not flips_coins(layer):
        np.testing.assert_allclose(numpy(outputs), numpy(wide(x)), rtol=1e-4, atol=1e-5)
    if case.uses_values and case is not CASES["MajorityVote"]:  # whose outputs are counts
        nudged = numpy(same(packed([a * near for a in x]) if len(case.shapes) > 1 else x * near))
        changed = nudged != numpy(outputs)  # every step that rounds to float32 would undo it
        assert (changed | (nudged == 0)).all()
    assert np.isfinite(numpy(layer(x, training=True))).all()


@every_initializer
@pytest.mark.parametrize("seed", [9, None])
def test_an_initializer_from_a_configuration_draws_the_same(kind, seed, tmp_path):
    own = kind(**INITIALIZERS[kind], seed=seed)
    assert own.get_config() == {**INITIALIZERS[kind], "seed": own.seed}
    assert own.seed == 9 or seed is None
    found = json.loads(json.dumps(keras.initializers.serialize(own)))
    assert found["registered_name"] == f"coinflip_zoo>{kind.__name__}"
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, kernel_initializer=own)])
    model.save(tmp_path / "m.keras")
    loaded = [keras.models.model_from_json(model.to_json()), keras.models.load_model(tmp_path / "m.keras")]
    kernel = numpy(own((4, 6)))
    for copy in (keras.initializers.get(found), *(one.layers[0].kernel_initializer for one in loaded)):
        assert copy.get_config() == own.get_config()
        np.testing.assert_array_equal(numpy(copy((4, 6))), kernel)
    for one in loaded:
        np.testing.assert_array_equal(one.get_weights()[0], kernel)


@every_initializer
def test_a_seed_fixes_the_numbers(kind):
    seeds = (9, np.int64(9), 0, 2**32 - 1, None, None)
    first, same, *others = (numpy(kind(**INITIALIZERS[kind], seed=seed)((4, 6))) for seed in seeds)
    np.testing.assert_array_equal(first, same)
    assert len({array.tobytes() for array in (first, *others)}) == 5


@every_initializer
@pytest.mark.usefixtures("wide_floats")
@pytest.mark.parametrize("dtype", [None, "bfloat16", "float16", "float64"])
def test_an_initializer_rounds_to_the_dtype_that_is_asked_for(kind, dtype):
    own = kind(**INITIALIZERS[kind], seed=9)
    found = own((4, 6), dtype=dtype)
    assert DTYPE(found.dtype) == (dtype or "float32")
    np.testing.assert_allclose(numpy(found), numpy(own((4, 6), dtype="float32")), rtol=2**-8)
