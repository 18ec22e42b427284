"""Weights by name and by path: what loads, and what is refused."""

import json

import keras
import numpy as np
import pytest

import zoo
from zoo.weights import pretrained

pytestmark = pytest.mark.on_tensorflow

OPTIONS = {"input_shape": (8, 8, 1), "classes": 4}


def tiny(input_shape=(8, 8, 1), classes=4, samples=3, depth=1, seed=None):
    """A dense coin-flipping model, `depth` hidden layers."""
    from zoo.layers import Amplify, CoinFlipDropout, MajorityVote
    from zoo.layers.seeds import layer_seeds

    seeds = layer_seeds(seed)
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs)
    for _ in range(depth):
        x = keras.layers.Dense(8, kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)))(x)
    x = CoinFlipDropout(0.5, seed=next(seeds))(Amplify(samples)(x))
    return keras.Model(inputs, MajorityVote(samples)(keras.layers.Dense(classes)(x)))


@pytest.fixture
def published(tmp_path, monkeypatch, own_registry):
    """A folder with one set of weights, `small`, of the model `tiny`; gives the model and its manifest row."""
    own_registry(paper="A paper", section="1")(tiny)
    monkeypatch.setattr(pretrained, "_FOLDERS", (tmp_path / "saved_models",))
    model = zoo.build("tiny", seed=1, **OPTIONS)
    path = tmp_path / "saved_models/tiny-small/model.weights.h5"
    zoo.save_weights(model, path)
    row = {
        "model": "tiny",
        "weights": "small",
        "file": "tiny-small/model.weights.h5",
        "sha256": pretrained.sha256(path),
        "parameters": model.count_params(),
        "options": {"input_shape": [8, 8, 1], "classes": 4, "depth": 1},
        "defaults": {"samples": 7},
        "score": {"accuracy": 0.5, "n": 10, "split": "test", "vote": "majority", "samples": 7},
        "seed": 1,
        "command": "zoo train tiny",
        "reference": pretrained.reference_output(model).tolist(),
    }
    write_manifest(row)
    return model, row


def write_manifest(row):
    (pretrained.folder() / "manifest.json").write_text(json.dumps([row]))


def weights_path(row):
    return pretrained.folder() / row["file"]


def arrays(model):
    return [keras.ops.convert_to_numpy(weight.value) for weight in model.weights]


def test_weights_by_name_bring_their_options(published):
    model, _ = published
    assert zoo.list_weights() == [("tiny", "small")]
    loaded = zoo.build("tiny", weights="small", seed=2)
    for one, other in zip(arrays(model), arrays(loaded), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (loaded.input_shape, loaded.output_shape) == ((None, 8, 8, 1), (None, 4))
    samples = {layer.samples for layer in loaded.layers if hasattr(layer, "samples")}
    assert samples == {7}
    other = zoo.build("tiny", weights="small", samples=2)
    assert {layer.samples for layer in other.layers if hasattr(layer, "samples")} == {2}
    assert "`small`: 50.00 %" in zoo.card("tiny")


def test_weights_by_path(published, tmp_path):
    model, row = published
    loaded = zoo.build("tiny", weights=weights_path(row), **OPTIONS)
    np.testing.assert_array_equal(arrays(model)[0], arrays(loaded)[0])
    with pytest.raises(FileNotFoundError, match=r"nowhere\.weights\.h5"):
        zoo.build("tiny", weights=str(tmp_path / "nowhere.weights.h5"))


def test_the_coins_are_the_seed_s_not_the_file_s(published):
    _, row = published
    x = np.random.default_rng(0).random((6, 8, 8, 1)) * 255

    def drawn(seed, weights):
        return zoo.flips(zoo.build("tiny", seed=seed, weights=weights, **OPTIONS), x, 40)

    np.testing.assert_array_equal(drawn(5, "small"), drawn(5, weights_path(row)))
    assert (drawn(5, "small") != drawn(6, "small")).any()


def test_saved_weights_have_no_optimizer(published, tmp_path):
    import h5py

    model, _ = published
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.zeros((2, 8, 8, 1)), np.zeros(2), verbose=0)
    zoo.save_weights(model, tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as file:
        assert "layers" in file
        assert "optimizer" not in file
    with pytest.raises(ValueError, match=r"`path` must end in .weights.h5"):
        zoo.save_weights(model, tmp_path / "a.h5")
    (tmp_path / "folder.weights.h5").mkdir()
    with pytest.raises(IsADirectoryError, match="`path` must be a file, or new"):
        zoo.save_weights(model, tmp_path / "folder.weights.h5")
    assert (tmp_path / "folder.weights.h5").is_dir()


@pytest.mark.parametrize("weights", ["smal", "large", 3, "file.h5"])
def test_unknown_weights(published, weights):
    with pytest.raises(ValueError, match=r"`weights` must be one of .*'small'.* Received: weights=") as error:
        zoo.build("tiny", weights=weights)
    assert ("Did you mean 'small'?" in str(error.value)) == (weights == "smal")


def test_an_option_that_contradicts_the_weights(published):
    with pytest.raises(ValueError, match=r"weights='small' of 'tiny' need depth=1. Received: depth=2"):
        zoo.build("tiny", weights="small", depth=2)
    with pytest.raises(ValueError, match=r"need images of 1 channels. Received: input_shape=\(8, 8, 3\)"):
        zoo.build("tiny", weights="small", input_shape=(8, 8, 3))


@pytest.mark.parametrize("damage", ["altered", "truncated"])
def test_a_damaged_published_file(published, damage):
    _, row = published
    path = weights_path(row)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content if damage == "altered" else content[:-100])
    with pytest.raises(ValueError, match="sha256"):
        zoo.build("tiny", weights="small")


@pytest.mark.parametrize("content", [b"", b"not an h5 file", None])
def test_a_truncated_file_of_one_s_own(published, tmp_path, content):
    _, row = published
    path = tmp_path / "own.weights.h5"
    path.write_bytes(weights_path(row).read_bytes()[:3000] if content is None else content)
    with pytest.raises(ValueError, match="truncated"):
        zoo.build("tiny", weights=path, **OPTIONS)


@pytest.mark.parametrize("options", [{"depth": 2}, {"depth": 0}, {"input_shape": (9, 9, 1)}])
def test_weights_of_another_configuration(published, options):
    _, row = published
    with pytest.raises(ValueError, match="another configuration"):
        zoo.build("tiny", weights=weights_path(row), **{**OPTIONS, **options})


def test_weights_of_another_model_with_as_many_parameters(published, tmp_path):
    inputs = keras.Input((8, 8, 1))
    model, _ = published
    other = keras.Model(inputs, keras.layers.Dense(model.count_params() // 65)(keras.layers.Flatten()(inputs)))
    assert other.count_params() != model.count_params()
    wide = keras.Input((model.count_params(),))
    same_count = keras.Model(wide, keras.layers.Dense(1, use_bias=False)(wide))
    zoo.save_weights(same_count, tmp_path / "same.weights.h5")
    with pytest.raises(ValueError, match="does not fit the model"):
        zoo.build("tiny", weights=tmp_path / "same.weights.h5", **OPTIONS)


def test_weights_that_load_but_give_another_output(published):
    _, row = published
    row["reference"] = (np.asarray(row["reference"]) + 0.01).tolist()
    write_manifest(row)
    with pytest.raises(ValueError, match="does not give its stored output"):
        zoo.build("tiny", weights="small")


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path):
    """Files of more than 64 bytes cannot be written, as where a disk is full."""
    resource = pytest.importorskip("resource")
    model, path = tiny(**OPTIONS), tmp_path / "a.weights.h5"
    path.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        with pytest.raises(OSError, match=r"^\[Errno \d+\] [^\n]*: '.*/a\.weights\.h5'$"):
            zoo.save_weights(model, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.weights.h5"]


FIRST = "layers/dense/vars/0"


def linked(file, link):
    del file[FIRST]
    file[FIRST] = link


def stored(file, **how):
    values = file[FIRST][...]
    del file[FIRST]
    file.create_dataset(FIRST, data=values, **how)


def virtual(file):
    import h5py

    layout = h5py.VirtualLayout((64, 8), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (64, 8))
    del file[FIRST]
    file.create_virtual_dataset(FIRST, layout)


DAMAGES = {
    "soft": lambda file, h5py: linked(file, h5py.SoftLink("/layers/dense_1/vars/0")),
    "external": lambda file, h5py: linked(file, h5py.ExternalLink("other.h5", "x")),
    "raw": lambda file, h5py: stored(file, external=[("/etc/passwd", 0, 64 * 8 * 4)]),
    "virtual": lambda file, h5py: virtual(file),
    "packed": lambda file, h5py: stored(file, compression="gzip"),
    "loop": lambda file, h5py: file["layers/dense"].__setitem__("again", file["layers"]),
    "huge": lambda file, h5py: file.create_dataset("layers/coin_flip_dropout/vars/seed_state_2", (2**50,), "f4"),
    "text": lambda file, h5py: linked(file, np.full((64, 8), b"x")),
    "ints": lambda file, h5py: linked(file, np.ones((64, 8), int)),
    "turned": lambda file, h5py: linked(file, np.ones((8, 64), "f4")),
    "renamed": lambda file, h5py: file.move(FIRST, "layers/dense/vars/00"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_keras_does_not_write_is_refused(published, tmp_path, damage):
    import h5py

    path = tmp_path / "own.weights.h5"
    path.write_bytes(weights_path(published[1]).read_bytes())
    model = zoo.build("tiny", **OPTIONS)
    before = arrays(model)
    with h5py.File(path, "a") as file:
        DAMAGES[damage](file, h5py)
    with pytest.raises(ValueError, match=r"^[^\n]*own\.weights\.h5 [^\n]*$"):
        pretrained.Weights(path).load(model)
    for one, other in zip(before, arrays(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_saved_by_keras_itself_with_an_optimizer(published, tmp_path):
    model, _ = published
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.zeros((2, 8, 8, 1)), np.zeros(2), verbose=0)
    model.save_weights(tmp_path / "a.weights.h5")
    loaded = zoo.build("tiny", weights=tmp_path / "a.weights.h5", **OPTIONS)
    for one, other in zip(arrays(model), arrays(loaded), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "file", ["../x.weights.h5", "/etc/passwd", "a/../../x", "C:\\x", "a\\..\\..\\x", "", ".", 3, None]
)
def test_a_manifest_never_leads_out_of_its_folder(published, file):
    write_manifest({**published[1], "file": file})
    with pytest.raises(ValueError, match=r"manifest\.json is not .*: `manifest\[0\]\.file` must be a path"):
        zoo.build("tiny", weights="small")


@pytest.mark.parametrize("text", ["", "{}", "[3]", "[{}]", "[" * 100_000, "\ud800", '[{"model": 1}]', "nul"])
def test_a_damaged_manifest_is_named(published, text):
    (pretrained.folder() / "manifest.json").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(ValueError, match=r"^[^\n]*manifest\.json is not a manifest of weights: [^\n]*$"):
        zoo.list_weights()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_published_weights_are_taken_in_16_bits(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = zoo.build("hypernet_deterministic", weights="cifar10")
    finally:
        keras.config.set_dtype_policy(before)
    assert model.compute_dtype == policy.removeprefix("mixed_")
