"""Presets: a folder or a hub gives the model back; what is damaged or altered is refused."""

import functools
import hashlib
import http.server
import json
import re
import shutil
import threading
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.backend.common.stateless_scope import in_stateless_scope

import zoo
from zoo.graph import without_memory
from zoo.recipes.training.trained import load_trained
from zoo.weights.weights_bytes import weights_bytes

pytestmark = pytest.mark.on_tensorflow
OPTIONS = {"input_shape": (8, 8, 1), "depth": 8, "samples": 3}


@pytest.fixture(scope="module")
def model():
    return zoo.build("resnet20_cfnn", seed=0, **OPTIONS)


@pytest.fixture(scope="module")
def preset(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets") / "mine"
    row = {"data": "digits", "split": "test", "vote": "majority", "samples": 25, "accuracy": 0.975, "n": 360}
    zoo.save_preset(model, folder, results=[row], license="apache-2.0")
    return folder


def test_a_preset_brings_weights_and_options(model, preset):
    again = zoo.build("resnet20_cfnn", weights=str(preset))
    assert again.count_params() == model.count_params()
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert zoo.build("resnet20_cfnn", weights=preset, samples=7).layers[-1].samples == 7
    with pytest.raises(ValueError, match=r"need depth=8\. Received: depth=14"):
        zoo.build("resnet20_cfnn", weights=preset, depth=14)


def test_published_names_come_before_presets_and_nothing_else_is_one(preset, tmp_path, monkeypatch):
    shutil.copytree(preset, tmp_path / "digits")
    shutil.copy(preset / "preset.json", tmp_path)
    monkeypatch.chdir(tmp_path)
    find = zoo.registry.find_weights
    assert find("resnet20_cfnn", "digits").path.parts[-2] == "resnet20_cfnn-digits"
    for folder in ("./digits", Path("digits")):
        assert find("resnet20_cfnn", folder).path == Path("digits/model.weights.h5")
    for weights in ("", 3, True, b"digits", ("digits",)):
        with pytest.raises(
            ValueError, match=rf"`weights` must be one of .* Received: weights={re.escape(repr(weights))}$"
        ):
            find("resnet20_cfnn", weights)


def test_the_card_s_head_is_what_hubs_read(preset):
    head, _, text = (preset / "README.md").read_text().removeprefix("---\n").partition("---\n")
    held = {key: json.loads(value) for key, value in (line.split(": ", 1) for line in head.splitlines())}
    assert (held["library_name"], held["license"]) == ("keras", "apache-2.0")
    assert "resnet20_cfnn" in held["tags"]
    (index,) = held["model-index"]
    assert index["results"][0]["metrics"] == [{"type": "accuracy", "value": 0.975, "name": "majority of 25"}]
    assert hashlib.sha256((preset / "model.weights.h5").read_bytes()).hexdigest() in text


def test_altered_weights_and_configs_are_refused(model, preset, tmp_path):
    other = tmp_path / "other"
    zoo.save_preset(zoo.build("resnet20_cfnn", seed=1, **OPTIONS), other)
    (other / "model.weights.h5").write_bytes((preset / "model.weights.h5").read_bytes())
    with pytest.raises(ValueError, match="sha256 differs"):
        zoo.build("resnet20_cfnn", weights=other)
    config = json.loads((other / "preset.json").read_text())
    (other / "preset.json").write_text(json.dumps({**config, "file": "../mine/model.weights.h5"}))
    with pytest.raises(ValueError, match="is no preset: "):
        zoo.build("resnet20_cfnn", weights=other)
    with pytest.raises(FileExistsError, match="`folder` exists already"):
        zoo.save_preset(model, preset)
    with pytest.raises(ValueError, match=r"must be one that zoo\.build returned"):
        zoo.save_preset(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_came_while_a_preset_was_written_is_kept(model, tmp_path, monkeypatch):
    def slow(model):
        (tmp_path / "new").mkdir(exist_ok=True)
        (tmp_path / "new/thesis.tex").write_text("mine")
        return weights_bytes(model)

    monkeypatch.setattr("zoo.weights.preset.weights_bytes", slow)
    with pytest.raises(FileExistsError, match="`folder` exists already"):
        zoo.save_preset(model, tmp_path / "new")
    assert [str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*")] == ["new", "new/thesis.tex"]


def test_what_no_preset_can_check_is_not_saved(tmp_path):
    sizes = {"x_size": 3, "condition_size": 2, "embedding_dim": 4}
    with pytest.raises(ValueError, match=r"`model` must have one input\. Received: .*'mlp_embedding'"):
        zoo.save_preset(zoo.build("mlp_embedding", seed=0, **sizes), tmp_path / "new")
    model = zoo.build("stochastic_mlp", hidden=(4,), seed=0)
    finite = model.get_weights()
    for bad, where in ((np.nan, "(?!its outputs)"), (np.inf, "(?!its outputs)"), (3e38, "its outputs")):
        model.set_weights([one + np.asarray(bad, one.dtype) if one.dtype.kind == "f" else one for one in finite])
        with pytest.raises(ValueError, match=f"infinities or NaN in {where}"):
            zoo.save_preset(model, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"options": {"input_shape": None}}, r"`preset\.options\.input_shape` must be ints >= 1\. Received: None"),
        ({"defaults": {"classes": True}}, r"`preset\.defaults\.classes` must be an int >= 1\. Received: True"),
        ({"options": {"dept": 8}}, r"Unknown option\. Did you mean 'depth'\?"),
        ({"options": {"seed": 1}}, r"Unknown option\..* Received: option='seed'"),
        ({"defaults": {"depth": 8}}, r"must be in `options` or in `defaults`\. Received: depth in both"),
        ({"model": "resnet20"}, r"Unknown name\. Did you mean 'resnet50'\?"),
        ({"reference": [[0.5], []]}, "two lists of the same length"),
        ({"data": 3}, r"`preset\.data` must be of type str"),
    ],
)
def test_a_bad_config_is_one_error_that_names_the_file(preset, tmp_path, change, error):
    config = json.loads((preset / "preset.json").read_text())
    if "options" in change:
        change = {"options": {**config["options"], **change["options"]}}
    (tmp_path / "preset.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(ValueError, match=rf"preset\.json' is no preset: .*{error}"):
        zoo.build("resnet20_cfnn", weights=tmp_path)


def test_weights_are_checked_before_the_model_is_built(preset, tmp_path, monkeypatch):
    (tmp_path / "preset.json").write_bytes((preset / "preset.json").read_bytes())
    entry = zoo.registry.find("resnet20_cfnn")

    @functools.wraps(entry.builder)
    def built(**options):
        raise AssertionError(options)

    monkeypatch.setitem(zoo.registry._MODELS, "resnet20_cfnn", entry._replace(builder=built))
    with pytest.raises(FileNotFoundError, match=r"must be a preset with a file model\.weights\.h5"):
        zoo.build("resnet20_cfnn", weights=tmp_path)
    (tmp_path / "model.weights.h5").write_bytes(b"1")
    with pytest.raises(ValueError, match=r"sha256 differs\): save or download the preset again"):
        zoo.build("resnet20_cfnn", weights=tmp_path)


def test_commands_take_presets_and_their_data(preset, tmp_path):
    trained = load_trained("resnet20_cfnn", str(preset))
    assert (trained.data, trained.weights, trained.class_names) == ("digits", str(preset), None)
    folder = shutil.copytree(preset, tmp_path / "other")
    config = json.loads((folder / "preset.json").read_text())
    assert config.pop("data") == "digits"
    for data, found in (({"data": "mnist"}, "mnist"), ({}, "digits")):
        (folder / "preset.json").write_text(json.dumps({**config, **data}))
        assert load_trained("resnet20_cfnn", str(folder)).data == found


def test_neither_an_optimizer_nor_a_local_path_is_published(tmp_path):
    model = zoo.build("stochastic_mlp", hidden=(4,), seed=0)
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    row = {"data": "/home/me/patients", "accuracy": 0.5}
    zoo.save_preset(model, tmp_path / "mine", results=[row])
    with h5py.File(tmp_path / "mine/model.weights.h5") as file:
        assert list(file) == ["layers", "vars"]
    assert "data" not in json.loads((tmp_path / "mine/preset.json").read_text())
    card = (tmp_path / "mine/README.md").read_text()
    assert "| patients |" in card
    assert "/home" not in card
    again = zoo.build("stochastic_mlp", weights=tmp_path / "mine")
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_sizes_that_the_weights_do_not_have_take_no_memory(tmp_path, monkeypatch):
    zoo.save_preset(zoo.build("stochastic_mlp", hidden=(4,), seed=0), tmp_path / "mine")
    entry = zoo.registry.find("stochastic_mlp")

    @functools.wraps(entry.builder)
    def built(**options):
        assert in_stateless_scope()
        return entry.builder(**options)

    monkeypatch.setitem(zoo.registry._MODELS, "stochastic_mlp", entry._replace(builder=built))
    config = json.loads((tmp_path / "mine/preset.json").read_text())
    config["options"]["hidden"] = [200_000, 200_000]
    for parameters in (config["parameters"], 2 * 200_000**2 + 1_600_000):
        (tmp_path / "mine/preset.json").write_text(json.dumps({**config, "parameters": parameters}))
        with pytest.raises(ValueError, match=r"is no preset: its options make a model of 80,001,600,000 param"):
            zoo.build("stochastic_mlp", weights=tmp_path / "mine")


@pytest.mark.parametrize("name", sorted({row["model"] for row in zoo.weights.pretrained.manifest()} | {"cone_cfnn"}))
def test_every_kind_of_model_is_counted_without_memory(name):
    builder = zoo.registry.find(name).builder
    with without_memory():
        count = builder(seed=0).count_params()
    assert count == zoo.build(name, seed=0).count_params()


@pytest.fixture
def hub(preset, monkeypatch, tmp_path):
    """A server of the two requests that huggingface_hub makes of a file."""
    constants = pytest.importorskip("huggingface_hub.constants")

    asked = []

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            revision, _, name = self.path.partition("/me/mine/resolve/")[2].partition("/")
            asked.append((name, revision))
            found = name and (preset / name).is_file()
            data = (preset / name).read_bytes() if found else b"no such file"
            self.send_response(200 if found else 404)
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(data)))
            if not found:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET  # noqa: N815 -- the name that http.server calls

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield asked
    server.shutdown()
    server.server_close()


@pytest.mark.filterwarnings("ignore")
def test_a_hub_gives_the_preset(model, hub):
    again = zoo.build("resnet20_cfnn", weights="hf://me/mine")
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    commit = "0" * 40  # of preset.json: main may be another one by now
    assert dict(hub) == {"preset.json": "main", "model.weights.h5": commit}
    with pytest.raises(ValueError, match=r"must be a preset that the hub has; preset\.json"):
        zoo.build("resnet20_cfnn", weights="hf://me/other")
    with pytest.raises(ValueError, match="must be hf://user/repo"):
        zoo.build("resnet20_cfnn", weights="hf://mine")
