"""Supermask files and folded models: the same predictions from far fewer bytes, and refusals of what is not whole."""

import hashlib
import json
import os
import struct
import subprocess
import sys

import keras
import numpy as np
import pytest

import zoo
from zoo.layers import Amplify, CoinFlipDropout, MajorityVote, RandomizePruned, ScoreMaskedConv, ScoreMaskedDense
from zoo.layers.score_masked import masked_layers
from zoo.weights.supermask import load_into

X = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3)).astype("uint8")
Y = np.arange(32) % 4
SMALL = {"input_shape": (8, 8, 3), "classes": 4, "width": 0.25, "seed": 3}


def load_trained(name="conv6_iterand", rate=0.5, **options):
    """A model with scores as training might leave them, re-randomised at `rate`."""
    model = zoo.build(name, **SMALL, **options)
    rng = np.random.default_rng(7)
    for layer in masked_layers(model):
        layer.scores.assign(rng.normal(size=layer.scores.shape).astype("float32"))
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.optimizer.iterations.assign(4)
    callback = RandomizePruned(2, rate, seed=1)
    callback.set_model(model)
    callback.on_train_begin()  # makes up for the redraw after update 4
    return model


@pytest.fixture(scope="module")
def model():
    """Not to be changed by a test."""
    return load_trained()


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("supermask") / "model.supermask"
    zoo.save_supermask(model, path)
    return path


def predictions(model):
    return keras.ops.convert_to_numpy(model(X, training=False))  # compiles masks once for all models


@pytest.mark.parametrize(
    ("name", "kernel", "rate", "kind"),
    [
        ("conv6_iterand", "signed_kaiming_constant", 0.5, "signs"),
        ("conv6_iterand", "kaiming_uniform", 0.5, "float32"),
        ("conv6_edge_popup", "kaiming_uniform", 0, "seed"),
        ("conv6_edge_popup", "signed_kaiming_constant", 0, "seed"),
        ("conv6_edge_popup", "he_normal", 0, "float32"),
    ],
)
def test_a_loaded_model_predicts_the_same(name, kernel, rate, kind, tmp_path):
    model = load_trained(name, rate, kernel_initializer=kernel)
    zoo.save_supermask(model, tmp_path / "a.supermask")
    loaded = zoo.load_supermask(tmp_path / "a.supermask")
    np.testing.assert_array_equal(predictions(loaded), predictions(model))
    assert loaded.name == model.name
    rows = description(tmp_path / "a.supermask")["layers"]
    # A redraw may leave a small layer as it was.
    assert {row["kind"] for row in rows} <= {kind, "seed"}
    assert kind in {row["kind"] for row in rows}


def description(path):
    """The JSON of a file."""
    data = path.read_bytes()
    length = struct.unpack_from("<8sIQ32s", data)[2]
    return json.loads(data[52 : 52 + length])


def test_a_file_is_one_bit_per_weight_and_one_per_kept_sign(model, saved):
    data = saved.read_bytes()
    body = data[52 + struct.unpack_from("<8sIQ32s", data)[2] :]
    at = 0
    for layer in masked_layers(model):
        kernel, scores = (keras.ops.convert_to_numpy(v).reshape(-1) for v in (layer.kernel, layer.scores))
        n = kernel.size
        mask = np.zeros(n, bool)
        mask[np.argsort(-scores, kind="stable")[: n - n // 2]] = True
        stored = np.unpackbits(np.frombuffer(body[at : at + -(-n // 8)], np.uint8))[:n]
        np.testing.assert_array_equal(stored.astype(bool), mask)
        at += -(-n // 8)
        if not np.array_equal(kernel, layer.kernel_initializer.draw(layer.kernel.shape).reshape(-1)):
            signs = np.unpackbits(np.frombuffer(body[at : at + -(-mask.sum() // 8)], np.uint8))[: mask.sum()]
            np.testing.assert_array_equal(signs.astype(bool), kernel[mask] < 0)
            at += -(-int(mask.sum()) // 8)
    assert at == len(body)  # Conv6 has no other variables


def test_conv6_takes_less_than_450_kilobytes(tmp_path):
    model = zoo.build("conv6_iterand", seed=0)
    for layer in masked_layers(model):  # as after redraws: no seed gives these signs back
        layer.kernel.assign(-layer.kernel)
    zoo.save_supermask(model, tmp_path / "a.supermask")
    assert (tmp_path / "a.supermask").stat().st_size <= 450_000 < 4 * 2_261_184 / 20


def test_half_precision_values_round_the_kept_weights(tmp_path):
    model = load_trained(kernel_initializer="kaiming_uniform")
    zoo.save_supermask(model, tmp_path / "half", values="float16")
    zoo.save_supermask(model, tmp_path / "full")
    assert (tmp_path / "half").stat().st_size < 0.65 * (tmp_path / "full").stat().st_size
    np.testing.assert_allclose(predictions(zoo.load_supermask(tmp_path / "half")), predictions(model), atol=1e-3)


def test_batch_normalisation_is_stored(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization()(ScoreMaskedConv(4, 3, seed=0)(inputs))
    outputs = keras.layers.Dense(4, "softmax")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    zoo.save_supermask(model, tmp_path / "a")
    np.testing.assert_array_equal(predictions(zoo.load_supermask(tmp_path / "a")), predictions(model))


@pytest.mark.on_tensorflow
def test_the_other_backend_predicts_the_same(model, saved):
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    pytest.importorskip(other)
    program = (
        "import sys, numpy as np, zoo; x = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3)).astype('uint8');"
        "np.save(sys.argv[2], zoo.load_supermask(sys.argv[1]).predict(x, verbose=0))"
    )
    environment = {**os.environ, "KERAS_BACKEND": other, "PYTHONPATH": os.pathsep.join(sys.path)}
    target = saved.with_name("other.npy")
    subprocess.run([sys.executable, "-c", program, str(saved), str(target)], env=environment, check=True)
    np.testing.assert_allclose(np.load(target), predictions(model), atol=1e-5)


def test_build_takes_a_supermask_file_as_weights(model, saved):
    again = zoo.build("conv6_iterand", weights=str(saved), **{**SMALL, "seed": 99})
    np.testing.assert_array_equal(predictions(again), predictions(model))


MISFITS = {"width": r"has a weight of shape .*, and theirs is", "sparsity": r"has sparsity=0.6, and .* sparsity=0.5"}


def test_weights_that_a_seed_draws_are_saved_as_that_seed_again(tmp_path):
    """Whatever seed the model that took them was built with."""
    first, second = tmp_path / "first.supermask", tmp_path / "second.supermask"
    zoo.save_supermask(zoo.build("conv6_edge_popup", **SMALL), first)
    zoo.save_supermask(zoo.build("conv6_edge_popup", weights=str(first), **{**SMALL, "seed": 99}), second)
    assert [row["kind"] for row in description(second)["layers"]] == ["seed"] * 9
    assert description(second)["layers"] == description(first)["layers"]


@pytest.mark.parametrize("change", [{"width": 0.5}, {"sparsity": 0.6}])
def test_a_file_of_another_configuration_is_refused(saved, change):
    with pytest.raises(ValueError, match=MISFITS[next(iter(change))]):
        zoo.build("conv6_iterand", weights=str(saved), **{**SMALL, **change})


def test_a_users_own_model(tmp_path):
    inner_input = keras.Input((4, 4, 8))
    inner = keras.Model(inner_input, ScoreMaskedConv(4, 3, strides=2, seed=1)(inner_input), name="inner")
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 2, strides=2, use_bias=True)(inputs)
    x = keras.layers.Flatten()(inner(x))
    model = keras.Model(inputs, ScoreMaskedDense(3, sparsity=0.3, score_transform="abs", seed=2)(x))
    zoo.save_supermask(model, tmp_path / "own")
    np.testing.assert_array_equal(predictions(zoo.load_supermask(tmp_path / "own")), predictions(model))
    folded = zoo.fold(model)
    np.testing.assert_allclose(predictions(folded), predictions(model), atol=1e-6)
    assert not masked_layers(folded)


def rewritten(data, **header):
    """The file with other header fields and a matching sha256."""
    magic, version, length, _ = struct.unpack_from("<8sIQ32s", data)
    fields = {"magic": magic, "version": version, "length": length, **header}
    digest = hashlib.sha256(data[52:]).digest()
    return struct.pack("<8sIQ32s", fields["magic"], fields["version"], fields["length"], digest) + data[52:]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: d[:-1], "truncated or altered"),
        (lambda d: d[:40], "truncated"),
        (lambda d: d[:5], "truncated"),
        (lambda d: b"", "not a supermask"),
        (lambda d: b"PK" + d[2:], "not a supermask"),
        (lambda d: d[:-100] + bytes([d[-100] ^ 1]) + d[-99:], "truncated or altered"),
        (lambda d: d[:60] + bytes([d[60] ^ 1]) + d[61:], "truncated or altered"),
        (lambda d: rewritten(d, version=2), "newer"),
        (lambda d: rewritten(d, length=10**15), "not a supermask|altered"),
        (lambda d: rewritten(d, length=7), "not a supermask|altered"),
    ],
)
def test_damaged_files_are_refused(saved, tmp_path, damage, message):
    (tmp_path / "bad.supermask").write_bytes(damage(saved.read_bytes()))
    with pytest.raises(ValueError, match=message):
        zoo.load_supermask(tmp_path / "bad.supermask")
    with pytest.raises(ValueError, match=message):
        zoo.build("conv6_iterand", weights=str(tmp_path / "bad.supermask"), **SMALL)


def described(saved, **changes):
    """The file with another description and a matching sha256."""
    data = saved.read_bytes()
    length = struct.unpack_from("<8sIQ32s", data)[2]
    text = json.dumps({**json.loads(data[52 : 52 + length]), **changes}).encode()
    return rewritten(data[:52] + text + data[52 + length :], length=len(text))


def row(**changes):
    """Rows of layers of which the first is another one."""
    return lambda saved: {"layers": [{**description(saved)["layers"][0], **changes}, *description(saved)["layers"][1:]]}


@pytest.mark.parametrize(
    "changes",
    [
        {"layers": 3},
        {"layers": []},
        {"others": None},
        {"others": [{"shape": [2**47], "dtype": "float32"}]},
        {"others": [{"shape": [0], "dtype": "O"}]},
        {"more": 1},
        {"model": []},
        {"model": {}},
        {"model": {"class_name": "Dense", "config": {"units": 3}, "module": "keras.layers", "registered_name": None}},
        {"model": {"class_name": "function", "config": "system", "module": "os", "registered_name": "function"}},
        row(shape=[3, 3, 3, -1]),
        row(shape=[3, 3, 3, 10**400]),
        row(shape=[3.0, 3, 3, 16]),
        row(shape=[2**47, 2**47]),
        row(shape=[]),
        row(kind="pickle"),
        row(kind=["seed"]),
        row(kind="float16"),
        row(sha256="0" * 64),
        row(sha256=None),
        row(kind="seed", initializer="os.system", seed=1),
        row(kind="seed", initializer="kaiming_uniform", seed=2**40),
        row(kind="seed"),
    ],
)
def test_a_right_sha_over_a_wrong_structure_is_refused(saved, tmp_path, changes):
    changes = changes(saved) if callable(changes) else changes
    (tmp_path / "bad.supermask").write_bytes(described(saved, **changes))
    with pytest.raises(ValueError, match=r"^[^\n]*bad\.supermask [^\n]*$"):
        zoo.load_supermask(tmp_path / "bad.supermask")


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("arguments", "keywords", "said"),
    [
        ([], {"mask": "float32"}, r"`softmax\.mask` must be tensors or null\. Received: 'float32'"),
        ([], {"mask": -1}, r"`softmax\.mask` must be tensors or null\. Received: -1"),
        ([], {"mask": [None, True]}, r"`softmax\.mask` must be tensors or null\. Received: \[None, True\]"),
        (["x"], {}, r"Only input tensors may be passed as positional arguments.*"),
        ([], {"training": "x"}, r"`softmax\.training` must be true, false or null\. Received: 'x'"),
        ([], {"training": False, "mask": None}, None),
    ],
)
def test_a_call_with_which_the_model_could_not_run_is_refused(tmp_path, arguments, keywords, said, nested):
    inputs = keras.Input((2, 2, 1))
    x = ScoreMaskedDense(3, seed=0)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Softmax(name="softmax")(x))
    if nested:
        outer = keras.Input((2, 2, 1))
        model = keras.Model(outer, model(outer))
    zoo.save_supermask(model, tmp_path / "good.supermask")
    config = description(tmp_path / "good.supermask")["model"]
    inner = config["config"]["layers"][1] if nested else config
    call = inner["config"]["layers"][-1]["inbound_nodes"][0]
    call.update(args=[*call["args"], *arguments], kwargs={**call["kwargs"], **keywords})
    (tmp_path / "bad.supermask").write_bytes(described(tmp_path / "good.supermask", model=config))
    if said is None:
        assert zoo.load_supermask(tmp_path / "bad.supermask")(np.ones((1, 2, 2, 1))).shape == (1, 3)
        return
    with pytest.raises(ValueError, match=rf"bad\.supermask holds a model that cannot be built here: {said}$"):
        zoo.load_supermask(tmp_path / "bad.supermask")


def test_a_config_of_a_terabyte_is_refused_by_what_is_stored(saved, tmp_path):
    model = description(saved)["model"]
    dense = next(layer for layer in model["config"]["layers"] if layer["class_name"] == "ScoreMaskedDense")
    dense["config"]["units"] = 10**10
    (tmp_path / "bad.supermask").write_bytes(described(saved, model=model))
    with pytest.raises(ValueError, match=r"other layers|cannot be built"):
        zoo.load_supermask(tmp_path / "bad.supermask")


def test_a_deep_description_is_refused(saved, tmp_path):
    data = saved.read_bytes()
    (tmp_path / "bad.supermask").write_bytes(rewritten(data[:52] + b"[" * 10**5, length=10**5))
    with pytest.raises(ValueError, match="'description' is no JSON that can be read: it is nested too deep"):
        zoo.load_supermask(tmp_path / "bad.supermask")


def test_a_refused_file_leaves_the_model_as_it_was(saved, tmp_path):
    (tmp_path / "bad.supermask").write_bytes(described(saved, others=[{"shape": [0], "dtype": "float32"}]))
    model = zoo.build("conv6_iterand", **{**SMALL, "seed": 5})
    before = model.get_weights()
    with pytest.raises(ValueError, match="other layers"):
        load_into(model, tmp_path / "bad.supermask")
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="supermask"):
        zoo.load_supermask(tmp_path / "none.supermask")


def test_refusals_when_saving(tmp_path):
    with pytest.raises(ValueError, match="ScoreMasked"):
        zoo.save_supermask(zoo.build("conv6", **SMALL), tmp_path / "a")
    with pytest.raises(ValueError, match="`values`"):
        zoo.save_supermask(zoo.build("conv6_iterand", **SMALL), tmp_path / "a", values="int8")
    broken = zoo.build("conv6_iterand", **SMALL)
    masked_layers(broken)[0].scores.assign(np.full(masked_layers(broken)[0].scores.shape, np.nan, "float32"))
    with pytest.raises(ValueError, match="NaN"):
        zoo.save_supermask(broken, tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_replaced(model, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").write_text("w")
    with pytest.raises(IsADirectoryError, match="`path` must be a file, or new"):
        zoo.save_supermask(model, tmp_path / "folder")
    assert [one.name for one in tmp_path.rglob("*")] == ["folder", "mine"]


def test_fold_is_the_same_function_without_masks(model):
    folded = zoo.fold(model)
    np.testing.assert_allclose(predictions(folded), predictions(model), atol=1e-6)
    assert [type(layer).__name__ for layer in folded.layers].count("Conv2D") == 6
    for layer, ordinary in zip(masked_layers(model), [v for v in folded.layers if v.weights], strict=True):
        kernel = keras.ops.convert_to_numpy(ordinary.kernel)
        assert np.count_nonzero(kernel) == kernel.size - kernel.size // 2
        assert set(np.unique(kernel)) <= {0.0, *np.unique(keras.ops.convert_to_numpy(layer.kernel))}
    with pytest.raises(ValueError, match="ScoreMasked"):
        zoo.fold(folded)


def sequential():
    nested = keras.Sequential([keras.Input((6, 6, 4)), ScoreMaskedConv(4, 3, strides=2, seed=1)], name="nested")
    layers = [keras.Input((8, 8, 3)), ScoreMaskedConv(4, 3, seed=0), nested, keras.layers.Flatten()]
    return keras.Sequential([*layers, ScoreMaskedDense(3, seed=2)], name="own")


def test_sequential_models(tmp_path):
    model = sequential()
    assert len(masked_layers(model)) == 3
    zoo.save_supermask(model, tmp_path / "a")
    loaded = zoo.load_supermask(tmp_path / "a")
    np.testing.assert_array_equal(predictions(loaded), predictions(model))
    folded = zoo.fold(model)
    np.testing.assert_allclose(predictions(folded), predictions(model), atol=1e-6)
    assert not masked_layers(folded)
    assert folded.name == loaded.name == "own"


def test_masks_inside_other_layers_are_saved_but_not_folded(tmp_path):
    model = keras.Sequential([keras.Input((5, 3)), keras.layers.TimeDistributed(ScoreMaskedDense(2, seed=0))])
    x = np.random.default_rng(0).normal(size=(4, 5, 3))
    zoo.save_supermask(model, tmp_path / "a")
    loaded = zoo.load_supermask(tmp_path / "a")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    with pytest.raises(ValueError, match="not inside other layers: 'time_distributed"):
        zoo.fold(model)


class Subclassed(keras.Model):
    """A model without a graph."""

    def __init__(self):
        super().__init__()
        self.dense = ScoreMaskedDense(2, seed=0)

    def call(self, inputs):
        """One masked layer."""
        return self.dense(inputs)


def test_models_without_a_graph_are_refused(tmp_path):
    subclassed = Subclassed()
    subclassed(np.ones((2, 3), "float32"))
    for model in (subclassed, keras.Sequential([ScoreMaskedDense(2)])):
        for use in (zoo.fold, lambda m: zoo.save_supermask(m, tmp_path / "a")):
            with pytest.raises(ValueError, match="must be a Functional model, or a Sequential one that is built"):
                use(model)
    for use in (zoo.fold, lambda m: zoo.save_supermask(m, tmp_path / "a")):
        with pytest.raises(ValueError, match="Received: model=3"):
            use(3)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16", "mixed_float16"])
@pytest.mark.parametrize("initializer", ["signed_kaiming_constant", "kaiming_uniform"])
@pytest.mark.on_tensorflow
def test_a_file_of_any_precision_is_read_again(tmp_path, dtype, initializer):
    layer = ScoreMaskedDense(4, seed=0, dtype=dtype, kernel_initializer=initializer)  # 8 inputs: the constant is 1/2
    model = keras.Sequential([keras.Input((8,)), layer])
    zoo.save_supermask(model, tmp_path / "model.supermask")
    again = zoo.load_supermask(tmp_path / "model.supermask")
    x = np.ones((2, 8))
    np.testing.assert_allclose(*(keras.ops.cast(one(x), "float32") for one in (model, again)), rtol=1e-2)


def test_a_model_that_counts_votes_does_so_again(tmp_path):
    inputs = keras.Input((4,))
    h = CoinFlipDropout(0.5, seed=1)(Amplify(3)(ScoreMaskedDense(6, seed=0)(inputs)))
    plain = keras.Model(inputs, MajorityVote(3)(ScoreMaskedDense(2, seed=2)(h)))
    model = zoo.amplify(plain, 9, chunk=2)
    zoo.save_supermask(model, tmp_path / "model.supermask")
    for made in (zoo.load_supermask(tmp_path / "model.supermask"), zoo.fold(model)):
        assert (type(made), made.chunk, made.name) == (type(model), 2, model.name)
        scores = []
        for one in (model, made):
            one.compile("sgd", "sparse_categorical_crossentropy")
            zoo.reseed(one, 0)
            scores.append(one.evaluate(np.ones((8, 4)), np.zeros(8), verbose=0))
        assert scores[0] == pytest.approx(scores[1], rel=1e-5)
