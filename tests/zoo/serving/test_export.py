"""The SavedModel where nothing of ours is: its law, its seeds, its endpoints, its refusals."""

import json
import signal
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

import zoo
from zoo.layers import Amplify, CoinFlipDropout, MajorityVote

# A process of its own loads the model twice over; what it saw comes back as JSON.
_CLIENT = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1])
x = tf.constant(np.arange(8, dtype="uint8").reshape(2, 4))
floats = tf.cast(x, "float32")
out = {"fresh": served.vote(x, tf.constant(500)).numpy().tolist()}
out["next"] = served.vote(x, tf.constant(500)).numpy().tolist()
seed = tf.constant(7, "int64")
for name in ("first", "again"):
    assert served.reseed(seed) == seed
    out[name] = served.vote(x, tf.constant(500)).numpy().tolist()
served.reseed(seed)
out["float"] = served.vote(floats, tf.constant(500)).numpy().tolist()
out["other"] = (served.reseed(seed + 1), served.vote(x, tf.constant(500)).numpy().tolist())[1]
out["one"] = served.vote(x, tf.constant(1)).numpy().tolist()
out["mean"] = served.mean(x, tf.constant(500)).numpy().tolist()
out["single"] = [served.single(x).numpy().tolist() for _ in range(50)]
out["serve"] = served.serve(floats).numpy().tolist()
out["signatures"] = sorted(served.signatures)
out["signature"] = served.signatures["vote"](images=floats, samples=tf.constant(9))["ballots"].shape.as_list()
pixels = served.signatures["vote_uint8"](images=x, samples=tf.constant(9))
out["uint8"] = {name: value.shape.as_list() for name, value in pixels.items()}
out["reseed"] = {name: int(value) for name, value in served.signatures["reseed"](seed=seed).items()}
out["class_names"] = [
    [one.decode() for one in names.numpy()]
    for names in (served.class_names(), served.signatures["class_names"]()["class_names"])
]


def refusal(endpoint, *arguments):
    said = set()
    for _ in range(20):  # what else would fail must never come first
        try:
            endpoint(*arguments)
        except tf.errors.InvalidArgumentError as error:
            said.add(str(error))
        else:
            said.add("nothing")
    return sorted(said)


def adaptive(*_):
    found = served.adaptive(x, tf.constant(0.001), tf.constant(2000))
    return {name: value.numpy().tolist() for name, value in found.items() if name != "status"} | {
        "status": [status.decode() for status in found["status"].numpy()]
    }


out["refused"] = {
    "samples": refusal(served.vote, x, tf.constant(0)),
    "example": refusal(served.vote, x[:0], tf.constant(3)),
    "error": refusal(served.adaptive, x, tf.constant(1.0), tf.constant(3)),
    "max_samples": refusal(served.adaptive, x, tf.constant(0.1), tf.constant(0)),
    "one example": refusal(served.adaptive, x[:0], tf.constant(0.1), tf.constant(3)),
    "`samples` must be at most 2000": refusal(served.vote, x, tf.constant(2001)),
    "`max_samples` must be at most 2000": refusal(served.adaptive, x, tf.constant(0.1), tf.constant(2001)),
}
with ThreadPoolExecutor(8) as pool:
    out["adaptive"] = list(pool.map(adaptive, range(64)))
out["ours"] = sorted({"zoo", "layers", "recipes"} & set(sys.modules))
print(json.dumps(out))
"""


def coin_model(samples=5, vote="majority"):
    """One coin of rate 1/4 decides: class 1 if the unit is kept, class 0 if it is dropped."""
    inputs = keras.Input((4,))
    one = keras.layers.Dense(1, kernel_initializer="zeros", bias_initializer="ones")(inputs)
    coin = CoinFlipDropout(0.25, seed=3)(Amplify(samples)(one))
    logits = keras.layers.Dense(2, name="logits")(coin)
    model = keras.Model(inputs, MajorityVote(samples, vote, name="ballots")(logits))
    model.get_layer("logits").set_weights([np.array([[0.0, 6.0]]), np.array([3.0, 0.0])])
    return model


KEPT = 0.75
LOGITS = {"kept": np.array([3.0, 8.0]), "dropped": np.array([3.0, 0.0])}


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model"
    zoo.export(coin_model(), path, class_names=("dropped", "kept"), max_samples=2000)
    return path


def client(folder):
    done = subprocess.run([sys.executable, "-c", _CLIENT, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def seen(folder):
    return [client(folder), client(folder)]


def test_nothing_of_ours_is_needed(seen):
    assert seen[0]["ours"] == []
    takes_images = ["serve", "vote", "mean", "single", "adaptive"]
    of_pixels = [f"{name}_uint8" for name in takes_images]
    others = ["reseed", "serving_default", "class_names"]
    assert seen[0]["signatures"] == sorted([*takes_images, *of_pixels, *others])
    assert seen[0]["signature"] == [2, 2]


def test_signatures_name_their_outputs_and_classes(seen):
    assert seen[0]["uint8"] == {"ballots": [2, 2]}
    assert seen[0]["reseed"] == {"seed": 7}
    assert seen[0]["class_names"] == [["dropped", "kept"]] * 2


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c"), ("a", "a"), ("a", ""), ("a", 1), "ab"])
def test_names_that_are_not_those_of_the_classes_are_refused(tmp_path, names):
    with pytest.raises(ValueError, match=r"`class_names` must be None or different names.* for outputs of 2 units"):
        zoo.export(coin_model(), tmp_path / "model", class_names=names)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("dtype", ["int32", "float64"])
def test_inputs_keep_the_models_dtype(tmp_path, dtype):
    """2**24 + 1 is no float32."""
    import tensorflow as tf

    tokens = keras.Input((2,), name="tokens", dtype=dtype)
    logits = keras.ops.cast(keras.ops.equal(tokens, keras.ops.cast(2**24 + 1, dtype)), "float32")
    flips = CoinFlipDropout(0.0, seed=0)(Amplify(3)(logits))
    zoo.export(keras.Model(tokens, MajorityVote(3, name="ballots")(flips)), tmp_path / "model")
    served = tf.saved_model.load(tmp_path / "model")
    x = tf.constant([[2**24, 2**24 + 1]], dtype)
    argument = "tokens" if dtype == "int32" else "images"
    for name in ("serve", "single"):
        np.testing.assert_allclose(served.signatures[name](**{argument: x})["ballots"], getattr(served, name)(x))
        assert served.signatures[name](**{argument: x})["ballots"][0, 1] > 0.7
    assert ("serve_uint8" in served.signatures) == (dtype == "float64")


@pytest.mark.on_tensorflow
def test_a_signature_names_all_outputs_of_a_model(tmp_path):
    import tensorflow as tf

    inputs = keras.Input((3,))
    outputs = [keras.layers.Rescaling(scale, name=name)(inputs) for scale, name in ((2.0, "two"), (3.0, "three"))]
    zoo.export(keras.Model(inputs, outputs), tmp_path / "model")
    found = tf.saved_model.load(tmp_path / "model").signatures["serve_uint8"](images=tf.ones((1, 3), "uint8"))
    assert {name: value.numpy().tolist() for name, value in found.items()} == {"two": [[2.0] * 3], "three": [[3.0] * 3]}


@pytest.mark.parametrize("name", ["fresh", "next", "first", "other", "float"])
def test_votes_follow_the_law(seen, name):
    votes = np.array(seen[0][name])
    np.testing.assert_allclose(votes.sum(1), 1, atol=1e-6)
    assert (abs(votes[:, 1] - KEPT) < 5 * np.sqrt(KEPT * (1 - KEPT) / 500)).all()
    np.testing.assert_allclose(votes * 500, np.round(votes * 500), atol=1e-3)


def test_mean_single_and_serve_follow_the_law(seen):
    kept, dropped = softmax(LOGITS["kept"]), softmax(LOGITS["dropped"])
    expected = KEPT * kept + (1 - KEPT) * dropped
    spread = (kept[1] - dropped[1]) * np.sqrt(KEPT * (1 - KEPT) / 500)
    assert (abs(np.array(seen[0]["mean"])[:, 1] - expected[1]) < 5 * spread).all()
    flips = np.array(seen[0]["single"]).reshape(-1, 2)
    which = abs(flips[:, 1] - kept[1]) < 1e-5
    assert (which | (abs(flips[:, 1] - dropped[1]) < 1e-5)).all()
    assert abs(which.mean() - KEPT) < 5 * np.sqrt(KEPT * (1 - KEPT) / len(flips))
    serve = np.array(seen[0]["serve"]) * 5
    np.testing.assert_allclose(serve, np.round(serve), atol=1e-5)
    assert np.isin(np.array(seen[0]["one"]).round(5), [0, 1]).all()


def test_fresh_loads_flip_their_own_coins_unless_reseeded(seen):
    one, other = seen
    assert one["fresh"] != other["fresh"]
    assert one["fresh"] != one["next"]
    assert one["first"] == one["again"] == other["first"] == one["float"]
    assert one["first"] != one["other"] == other["other"]


@pytest.mark.parametrize(
    "name",
    [
        "samples",
        "example",
        "one example",
        "error",
        "max_samples",
        "`samples` must be at most 2000",
        "`max_samples` must be at most 2000",
    ],
)
def test_bad_arguments_are_refused(seen, name):
    said = seen[0]["refused"][name]
    assert said
    assert all(name in one for one in said)


def test_adaptive_votes_in_eight_threads_are_each_a_vote(seen):
    """Kept in three flips of four: class 1, certified in 64 calls of two examples."""
    calls = seen[0]["adaptive"]
    assert len(calls) == 64
    for call in calls:
        assert call["classes"] == [1, 1]
        assert call["status"] == ["certified", "certified"]
        np.testing.assert_allclose(np.sum(call["counts"], axis=1), call["samples"])
    samples = np.concatenate([call["samples"] for call in calls])
    assert samples.min() >= 12  # eleven flips of one class are no thousand to one
    flips = np.sum([call["counts"] for call in calls], axis=(0, 1))
    assert flips[1] / flips.sum() == pytest.approx(0.75, abs=0.03)  # Wald's identity: stopping does not bend it


@pytest.mark.on_tensorflow
def test_an_existing_folder_is_kept_unless_overwritten(folder):
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(FileExistsError, match="`path` exists already"):
        zoo.export(coin_model(), folder)
    zoo.export(coin_model(samples=2, vote="mean"), folder, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_overwriting_keeps_a_folder_of_the_user_s(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    for path, error in ((tmp_path, FileExistsError), (tmp_path / "..", ValueError)):
        with pytest.raises(error, match=r"`path` must"):
            zoo.export(coin_model(), path, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "mine"


@pytest.mark.on_tensorflow
def test_a_full_disk_is_one_line_and_leaves_the_old_export(folder):
    """Files of more than 4 KiB cannot be written, as where a disk is full."""
    resource = pytest.importorskip("resource")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match=r"^`path` must be where a SavedModel can be written: .*path='.*model'$"):
            zoo.export(coin_model(), folder, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_command_leaves_the_old_export_and_no_parts(folder, zoo_command, monkeypatch, number):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def end(model, part, class_names):
        (part / "saved_model.pb").write_text("half")
        signal.raise_signal(number)

    monkeypatch.setattr("zoo.serving.export.write_everywhere", end)
    trained = types.SimpleNamespace(model=coin_model(), class_names=None)
    monkeypatch.setattr("zoo.recipes.training.trained.load_trained", lambda *arguments: trained)
    code, _, errors = zoo_command("export", "any", folder, "--overwrite")
    assert code == {signal.SIGTERM: 143, signal.SIGINT: 130}[number], errors
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_vote_without_flips_is_refused_and_nothing_is_written(tmp_path):
    inputs = keras.Input((4,))
    with pytest.raises(ValueError, match="Amplify"):
        zoo.export(keras.Model(inputs, MajorityVote(1)(keras.layers.Dense(2)(inputs))), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_limit_of_flips_needs_somebody_who_chooses_them(tmp_path):
    silent = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    for model, options in ((silent, {}), (coin_model(), {"coins": "off"}), (coin_model(), {"format": "onnx"})):
        with pytest.raises(ValueError, match="`max_samples` must be None unless"):
            zoo.export(model, tmp_path / "model", max_samples=9, **options)
    with pytest.raises(ValueError, match="`max_samples` must be a positive int"):
        zoo.export(coin_model(), tmp_path / "model", max_samples=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.on_tensorflow
def test_an_amplified_model_serves_in_chunks(tmp_path):
    import tensorflow as tf

    zoo.export(zoo.amplify(coin_model(), 100, chunk=7), tmp_path / "model")
    served = tf.saved_model.load(str(tmp_path / "model"))
    votes = served.serve(tf.zeros((3, 4))).numpy()
    np.testing.assert_allclose(votes * 100, np.round(votes * 100), atol=1e-3)
    assert (abs(votes[:, 1] - KEPT) < 5 * np.sqrt(KEPT * (1 - KEPT) / 100)).all()
    assert len({tuple(served.serve(tf.zeros((1, 4))).numpy()[0]) for _ in range(8)}) > 1


_SERVE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1])
x = np.load(sys.argv[2])
graph = served.signatures["serve"].graph.as_graph_def()
nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
print(json.dumps({
    "served": [served.serve(tf.constant(x.astype(kind))).numpy().tolist() for kind in ("uint8", "float32")]
    + [served.serve(images=tf.constant(x)).numpy().tolist()],
    "ours": sorted({"zoo", "layers"} & set(sys.modules)),
    "signatures": sorted(served.signatures),
    "ops": sorted(node.op for node in nodes),
}))
"""


@pytest.mark.on_tensorflow
def test_a_masked_model_is_exported_as_its_folded_network(tmp_path):
    """The graph is that of the dense network: no scores, no masks, no search."""
    x = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype("uint8")
    options = {"input_shape": (8, 8, 3), "classes": 4, "width": 0.125, "seed": 0}
    masked = zoo.build("conv6_iterand", **options)
    np.save(tmp_path / "x.npy", x)
    ops = []
    for model in (masked, zoo.build("conv6", **options)):
        zoo.export(model, tmp_path / model.name)
        command = [sys.executable, "-c", _SERVE, str(tmp_path / model.name), str(tmp_path / "x.npy")]
        done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        assert len(done["served"]) == 3
        for probabilities in done["served"]:
            np.testing.assert_allclose(probabilities, model.predict(x, verbose=0), atol=1e-5)
        assert set(done["signatures"]) == {"serve", "serve_uint8", "serving_default"}
        assert not done["ours"]
        ops.append(done["ops"])
    assert ops[0] == ops[1]
    assert "Conv2D" in ops[0]


@pytest.mark.on_tensorflow
def test_a_model_of_two_inputs(tmp_path):
    tf = pytest.importorskip("tensorflow")
    model = zoo.build("mlp_hypernetwork", x_size=6, condition_size=5, width=8, outputs=3, seed=0)
    zoo.export(model, tmp_path / "model")
    served = tf.saved_model.load(str(tmp_path / "model"))
    x, condition = (np.random.default_rng(size).normal(size=(4, size)).astype("float32") for size in (6, 5))
    expected = model.predict([x, condition], verbose=0)
    np.testing.assert_allclose(served.serve(tf.constant(x), tf.constant(condition)), expected, atol=1e-6)


@pytest.mark.on_tensorflow
def test_a_coin_flipping_model_of_two_inputs_and_two_outputs(tmp_path):
    """Deterministic but for a sure coin: every endpoint gives the model's outputs in their structure."""
    one, other = keras.Input((4,), name="one"), keras.Input((4,), name="other", dtype="int32")
    added = keras.layers.Add()([one, other])
    flips = CoinFlipDropout(0.0, seed=0)(Amplify(3)(added))
    model = keras.Model([one, other], {"voted": MajorityVote(3)(flips), "sum": added})
    zoo.export(model, tmp_path / "model")
    tf = pytest.importorskip("tensorflow")
    served = tf.saved_model.load(tmp_path / "model")
    a, b = np.eye(4, dtype="float32")[:3] * 0.5, np.eye(4, dtype="int32")[1:4]
    found = served.vote(tf.constant(a), tf.constant(b), tf.constant(50))
    np.testing.assert_allclose(found["sum"], a + b)
    np.testing.assert_allclose(found["voted"], np.eye(4)[1:4], atol=1e-5)
    for name, array in served.serve(one=tf.constant(a), other=tf.constant(b)).items():
        np.testing.assert_allclose(array, found[name], atol=1e-5)


def test_coins_without_a_vote_are_flipped_anew_and_start_from_a_seed(tmp_path):
    inputs = keras.Input((50,))
    model = keras.Model(inputs, keras.layers.Rescaling(1.0)(CoinFlipDropout(0.5, seed=0)(inputs)))
    zoo.export(model, tmp_path / "model")
    tf = pytest.importorskip("tensorflow")
    ones = tf.ones((2, 50))
    first, second = (tf.saved_model.load(tmp_path / "model") for _ in range(2))
    assert (first.serve(ones).numpy() != second.serve(ones).numpy()).any()
    for served in (first, second):
        served.reseed(tf.constant(7, tf.int64))
    np.testing.assert_array_equal(first.serve(ones), second.serve(ones))


@pytest.mark.on_tensorflow
def test_coins_that_the_model_keeps_off_flip_anew_and_start_from_a_seed_too(tmp_path):
    import tensorflow as tf

    coin = keras.layers.TimeDistributed(CoinFlipDropout(0.5, flip_at_inference=False, seed=0))
    inputs = keras.Input((1, 6))
    logits = keras.layers.Dense(3)(keras.layers.Flatten()(coin(Amplify(3)(inputs))))
    zoo.export(keras.Model(inputs, MajorityVote(3)(logits)), tmp_path / "model")
    loads = [tf.saved_model.load(tmp_path / "model") for _ in range(2)]
    x = tf.constant(np.random.default_rng(0).normal(size=(5, 1, 6)).astype("float32"))
    first, second = (load.vote(x, tf.constant(50)).numpy() for load in loads)
    assert (first != second).any()
    for load in loads:
        load.reseed(tf.constant(3, tf.int64))
    first, second = (load.vote(x, tf.constant(50)).numpy() for load in loads)
    np.testing.assert_array_equal(first, second)
