"""Damaged files of every kind: refused in one line, or what is loaded is what the undamaged file gives."""

import copy
import hashlib
import io
import json
import struct
import warnings

import keras
import numpy as np
import pytest
import tiny
from PIL import Image

import zoo
from zoo.data.lazy_images import LazyImages
from zoo.weights import pretrained
from zoo.weights.supermask import load_into

pytestmark = pytest.mark.on_tensorflow

ODD = [None, True, 0, -1, 2**63, 10**400, 1.5, float("nan"), "", "x", [], {}, [[]], {"a": 1}, "float32", [1, 2]]


def flipped(content, rng):
    """The bytes with some of them changed, cut off, or some more."""
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        damaged[rng.integers(len(damaged))] = rng.integers(256)
    return bytes(damaged[: rng.integers(len(damaged))] if rng.random() < 0.2 else damaged)


def nodes(value, path=()):
    """Paths of everything inside JSON."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from nodes(value[key], (*path, key))


def bent(value, rng):
    """JSON with one thing in it deleted or replaced."""
    value = copy.deepcopy(value)
    paths = list(nodes(value))
    *path, last = paths[rng.integers(len(paths))]
    inside = value
    for key in path:
        inside = inside[key]
    if rng.random() < 0.25:
        del inside[last]
    else:
        inside[last] = ODD[rng.integers(len(ODD))]
    return value


@pytest.fixture(scope="module")
def supermask(tmp_path_factory):
    model, path = tiny.tiny_masked(), tmp_path_factory.mktemp("supermask") / "a.supermask"
    zoo.save_supermask(model, path)
    content = path.read_bytes()
    length = struct.unpack_from("<8sIQ32s", content)[2]
    text, body = json.loads(content[52 : 52 + length]), content[52 + length :]
    other = tiny.tiny_masked(seed=9)

    def damage(rng):
        header = json.dumps(bent(text, rng)).encode()
        digest = hashlib.sha256(header + body).digest()
        return struct.pack("<8sIQ32s", b"SUPERMSK", 1, len(header), digest) + header + body

    def load(path):
        load_into(other, path)  # the description of the model, which may be another one, is not used
        loaded = zoo.load_supermask(path)
        loaded(np.zeros((1, *loaded.input_shape[1:])))  # what loads can be called
        return other.get_weights()

    return damage, load, "a.supermask"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Data are under no checksum in a file of the user's own: what loads has the shapes."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    path = tmp_path_factory.mktemp("weights") / "a.weights.h5"
    zoo.save_weights(model, path)
    content = path.read_bytes()

    def load(path):
        pretrained.Weights(path).load(model)
        return [np.zeros(array.shape) for array in model.get_weights()]

    return lambda rng: flipped(content, rng), load, "a.weights.h5"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    x, y = np.arange(96, dtype=np.uint8).reshape(6, 4, 4), np.arange(6)
    file = io.BytesIO()
    np.savez_compressed(file, x_train=x, y_train=y, x_test=x, y_test=y)
    content = file.getvalue()

    def load(path):
        data = zoo.data.load(path, validation=0)
        return [data.train.x, data.train.y, data.test.x, data.test.y]

    return lambda rng: flipped(content, rng), load, "a.npz"


@pytest.fixture(scope="module")
def image():
    """Pixels are under no checksum that Pillow compares: what loads has the shape."""
    contents = []
    for form in ("PNG", "JPEG"):
        file = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype("uint8")).save(file, form)
        contents.append(file.getvalue())

    def load(path):
        return [np.zeros(LazyImages([str(path)], np.array([[0, 0, -1]]), 16)[0].shape)]

    return lambda rng: flipped(contents[rng.integers(2)], rng), load, "a.png"


@pytest.fixture
def manifest(monkeypatch, tmp_path):
    rows = pretrained.manifest()[:2]
    monkeypatch.setattr(pretrained, "_FOLDERS", (tmp_path,))

    def load(path):
        assert all(".." not in row["file"] for row in pretrained.manifest())
        return []

    return lambda rng: json.dumps(bent(rows, rng)).encode(), load, "manifest.json"


READERS = ["supermask", "weights", "archive", "image", "manifest"]
COUNTS = [100, pytest.param(2000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("reader", READERS)
def test_a_damaged_file_is_refused_in_one_line_or_does_not_matter(reader, count, request, tmp_path):
    damage, load, name = request.getfixturevalue(reader)
    truth, refused = None, 0
    for seed in range(count):
        (tmp_path / name).write_bytes(damage(np.random.default_rng(seed)))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                got = load(tmp_path / name)
        except ValueError as error:
            refused += 1
            said = str(error)
        else:
            truth = got if truth is None else truth
            assert len(got) == len(truth)
            for one, other in zip(got, truth, strict=True):
                np.testing.assert_array_equal(one, other)
            continue
        assert name in said
        assert "\n" not in said
    assert refused > count / 10
    keras.backend.clear_session()
