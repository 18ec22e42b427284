"""Data by name: what is in the splits, that nothing is lost or repeated, and every refusal."""

import ast
import contextlib
import math
import os
import shlex
import socket
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from zoo.data import memory as limits
from zoo.data import npz as module
from zoo.data.datasets import load
from zoo.data.split import Split

pytestmark = pytest.mark.backend_free


def rows(*splits):
    """Every example as one row of pixels and label, sorted: a multiset that can be compared."""
    flat = [
        np.c_[split.x.reshape(len(split.x), math.prod(split.x.shape[1:])).astype(np.float64), split.y]
        for split in splits
    ]
    whole = np.concatenate(flat)
    return whole[np.lexsort(whole.T)]


def assert_equal(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.x, b.x)
        np.testing.assert_array_equal(a.y, b.y)


def numbered(n, shape=(2, 3, 1), first=0, dtype=np.uint8):
    """`n` images, all different, whose label tells which one it is."""
    index = np.arange(first, first + n)
    x = np.zeros((n, *shape), dtype)
    x.reshape(n, -1)[:, 0], x.reshape(n, -1)[:, 1] = index % 251, index // 251
    return x, index


def arrays(**changes):
    """The arrays of a good .npz file, with some replaced or, where None, left out."""
    x_train, y_train = numbered(20)
    x_test, y_test = numbered(5, first=100)
    good = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


def npz(folder, **changes):
    path = folder / "set.npz"
    np.savez(path, **arrays(**changes))
    return path


# Digits


def test_digits_are_scikit_learns_each_exactly_once():
    data = load()
    real = load_digits()
    images = np.floor(real.images * 255 / 16 + 0.5).astype(np.uint8)[..., None]
    np.testing.assert_array_equal(rows(*data), rows(Split(images, real.target)))
    assert [len(split.y) for split in data] == [1293, 144, 360]
    assert data.input_shape == (8, 8, 1)
    assert data.classes == 10
    for split in data:
        assert split.x.dtype == np.uint8
        assert split.y.dtype == np.int64
        assert split.x.shape == (*split.y.shape, 8, 8, 1)
    assert data.train.x.max() == 255


def test_digits_test_split_is_stratified_and_independent_of_the_seed():
    test = load("digits", seed=0).test
    assert_equal([test], [load("digits", seed=7, validation=0.5).test])
    shares = np.bincount(test.y) - np.bincount(load_digits().target) / 5
    assert np.abs(shares).max() <= 1


def test_the_seed_alone_decides_what_is_held_out():
    train, val, test = load("digits", seed=3)
    assert_equal((train, val, test), load("digits", seed=3))
    other = load("digits", seed=4)
    assert not np.array_equal(val.x, other.val.x)
    np.testing.assert_array_equal(rows(train, val), rows(other.train, other.val))


def test_the_split_is_the_same_on_every_machine():
    pinned = [2116893479, 318896738, 2824193226]
    assert [zlib.crc32(split.x.tobytes()) for split in load("digits", seed=0)] == pinned


@pytest.mark.parametrize(
    ("validation", "held"), [(None, 2), (0, 0), (0.0, 0), (7, 7), (19, 19), (0.25, 5), (0.001, 1), (0.999, 19)]
)
def test_validation_is_a_number_or_a_fraction(tmp_path, validation, held):
    train, val, test = data = load(npz(tmp_path), validation=validation)
    assert [len(split.y) for split in data] == [20 - held, held, 5]
    assert val.x.shape == (held, 2, 3, 1)
    x, y = numbered(20)
    np.testing.assert_array_equal(rows(train, val), rows(Split(x, y)))
    np.testing.assert_array_equal(test.y, np.arange(100, 105))
    assert (np.diff(train.y) > 0).all()  # stored order
    assert (np.diff(val.y) > 0).all()
    assert data.classes == 105


@pytest.mark.parametrize(("total", "held"), [(50_000, 5_000), (60_000, 5_000), (49_000, 4_900), (1, 0), (2, 1)])
def test_default_validation(tmp_path, total, held):
    x, y = numbered(total, (1, 2, 1))
    data = load(npz(tmp_path, x_train=x, y_train=y, x_test=x[:1], y_test=y[:1]))
    assert [len(data.train.y), len(data.val.y)] == [total - held, held]
    np.testing.assert_array_equal(np.sort(np.r_[data.train.y, data.val.y]), y)


@pytest.mark.parametrize("validation", [-1, 1.0, 1.5, -0.1, float("nan"), float("inf"), True, "5", 20, 21])
def test_bad_validation(tmp_path, validation):
    with pytest.raises(ValueError, match=r"`validation` must be .* Received: validation="):
        load(npz(tmp_path), validation=validation)


@pytest.mark.parametrize("seed", [-1, 0.5, True, None, "0"])
def test_bad_seed(seed):
    with pytest.raises(ValueError, match=r"`seed` must be an int in \[0, 2\*\*32\). Received: seed="):
        load("digits", seed=seed)


# Names


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("cifar-10", "cifar10"), ("CIFAR100", "cifar100"), ("fashion-mnist", "fashion_mnist"), ("digit", "digits")],
)
def test_unknown_name_gets_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=f"Did you mean '{nearest}'") as error:
        load(name)
    for allowed in ("digits", "cifar10", "cifar100", "mnist", "fashion_mnist", ".npz", f"name={name!r}"):
        assert allowed in str(error.value)


@pytest.mark.parametrize("name", ["", "zzzz", "data.npy", None, 3, b"digits"])
def test_unknown_name_without_a_neighbour(name):
    with pytest.raises(ValueError, match=r"Unknown name.* Allowed: .*a path ending in .npz.*Received: name="):
        load(name)


def test_importing_zoo_leaves_the_data_libraries_alone():
    code = "import sys, keras; before = set(sys.modules); import zoo; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    packages = {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert packages == {"zoo"}


# .npz files


def test_npz_is_read_as_it_is(tmp_path):
    path = npz(tmp_path)
    data = load(path, validation=0)
    x, y = numbered(20)
    assert_equal(data, (Split(x, y), Split(x[:0], y[:0]), Split(*numbered(5, first=100))))
    assert_equal(load(str(path), validation=0), data)
    assert data.input_shape == (2, 3, 1)
    assert data.train.x.dtype == np.uint8
    assert data.train.y.dtype == np.int64


def test_npz_brings_its_own_validation_split(tmp_path):
    x_val, y_val = numbered(3, first=50)
    data = load(npz(tmp_path, x_val=x_val, y_val=y_val), validation=11)
    assert_equal(data, (Split(*numbered(20)), Split(x_val, y_val), Split(*numbered(5, first=100))))
    empty = load(npz(tmp_path, x_val=x_val[:0], y_val=y_val[:0]))
    assert [len(split.y) for split in empty] == [20, 0, 5]
    assert empty.classes == 105


def test_npz_grey_images_float_pixels_and_column_labels(tmp_path):
    x = np.random.default_rng(0).uniform(0, 255, (6, 4, 5))
    y = np.arange(6, dtype=np.uint8)[:, None]
    data = load(npz(tmp_path, x_train=x, y_train=y, x_test=x[:2, ..., None], y_test=y[:2]), validation=0)
    assert data.train.x.dtype == np.float32
    np.testing.assert_array_equal(data.train.x, x.astype(np.float32)[..., None])
    np.testing.assert_array_equal(data.train.y, np.arange(6))
    assert data.train.y.dtype == np.int64
    assert data.test.x.shape == (2, 4, 5, 1)


def test_npz_in_the_home_folder_and_in_capitals(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    npz(tmp_path).rename(tmp_path / "SET.NPZ")
    assert len(load("~/SET.NPZ").test.y) == 5


X, Y = numbered(20)
REFUSED = [
    ({"x_train": None}, "x_train", "present"),
    ({"y_test": None}, "y_test", "present"),
    ({"x_val": X}, "y_val", "present"),
    ({"y_val": Y}, "x_val", "present"),
    ({"x_train": X.reshape(20, 6)}, "x_train", r"of shape \(n, h, w\) or \(n, h, w, c\)"),
    ({"x_train": X[None]}, "x_train", "of shape"),
    ({"x_train": np.uint8(3)}, "x_train", "of shape"),
    ({"x_test": np.zeros((5, 0, 3, 1))}, "x_test", "of shape"),
    ({"x_train": X.astype(complex)}, "x_train", "uint8 or float"),
    ({"x_train": X.astype("U3")}, "x_train", "uint8 or float"),
    ({"x_train": X.astype(bool)}, "x_train", "uint8 or float"),
    ({"x_train": np.where(X == 5, np.nan, X)}, "x_train", r"finite and in \[0, 255\]"),
    ({"x_train": np.where(X == 5, np.inf, X)}, "x_train", "finite"),
    ({"x_test": np.full((5, 2, 3, 1), -1e-3)}, "x_test", "finite"),
    ({"x_test": np.full((5, 2, 3, 1), 255.5)}, "x_test", "finite"),
    ({"x_test": np.full((5, 2, 3, 1), 256)}, "x_test", "finite"),
    ({"y_train": Y[:-1]}, "y_train", "as long as x_train, 20"),
    ({"y_train": Y - 1}, "y_train", "integers >= 0"),
    ({"y_train": np.full(20, 2**63, np.uint64)}, "y_train", "integers >= 0"),
    ({"y_train": Y.astype(float)}, "y_train", "integers"),
    ({"y_train": Y.astype(bool)}, "y_train", "integers"),
    ({"y_train": np.eye(20, dtype=int)}, "y_train", r"integers or texts of shape \(n,\) or \(n, 1\)"),
    ({"y_train": np.int64(3)}, "y_train", "integers or texts of shape"),
    ({"x_train": X[:0], "y_train": Y[:0]}, "x_train", "at least one image"),
    ({"x_test": X[:0], "y_test": Y[:0]}, "x_test", "at least one image"),
    ({"x_test": np.zeros((5, 3, 2, 1), np.uint8)}, "x_test", "images of x_train's shape"),
    ({"x_test": np.zeros((5, 2, 3, 3), np.uint8)}, "x_test", "images of x_train's shape"),
    ({"x_val": np.zeros((20, 3, 3), np.uint8), "y_val": Y}, "x_val", "images of x_train's shape"),
]


@pytest.mark.parametrize(("changes", "key", "allowed"), REFUSED)
def test_npz_refusals_name_the_file_and_the_key(tmp_path, changes, key, allowed):
    with pytest.raises(ValueError, match=rf"^`{key}` in '.*set\.npz' must be {allowed}.* Received: "):
        load(npz(tmp_path, **changes))


class Touch:
    """An object whose unpickling leaves a trace."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_npz_objects_are_never_unpickled(tmp_path):
    trace = tmp_path / "trace"
    y = np.array([Touch(str(trace))] * 20, object)
    with pytest.raises(ValueError, match=r"`y_train` in '.*set\.npz' must be readable as .npz without pickle"):
        load(npz(tmp_path, y_train=y))
    (tmp_path / "raw.npz").write_bytes(y.dumps())
    with pytest.raises(ValueError, match=r"`the archive` in '.*raw\.npz' must be readable"):
        load(tmp_path / "raw.npz")
    assert not trace.exists()


def test_npz_that_is_missing(tmp_path):
    (tmp_path / "folder.npz").mkdir()
    for name in ("nothing.npz", "folder.npz"):
        with pytest.raises(FileNotFoundError, match=rf"existing .npz file. Received: name='.*{name}'"):
            load(tmp_path / name)


def test_npz_that_is_something_else(tmp_path):
    path = tmp_path / "set.npz"
    for content in (b"", b"text", b"PK\x03\x04" + bytes(40)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"`the archive` in .* must be readable"):
            load(path)
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(ValueError, match=r"`the archive` in .* must be readable"):
        load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train", "text")
    with pytest.raises(ValueError, match=r"`x_train` in .* must be readable"):
        load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "text")
    with pytest.raises(ValueError, match=r"`x_train` in .* must be present"):
        load(path)


def test_npz_with_a_forged_shape(tmp_path):
    header = repr({"descr": "|u1", "fortran_order": False, "shape": (10**9, 10**4, 10**3, 3)}).ljust(117) + "\n"
    forged = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    path = npz(tmp_path, x_train=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", forged)
    with pytest.raises(ValueError, match=r"`x_train` in .* must be readable"):
        load(path)


def test_npz_that_unpacks_to_more_than_fits_is_refused_by_its_directory(tmp_path, monkeypatch):
    """Nothing of it is read: the entry would not even unpack."""
    path = npz(tmp_path, x_train=None)
    forged(path, 300, 2**33)
    with pytest.raises(
        ValueError, match=r"`the archive` in .* Received: ValueError: arrays of 8,589,9\d\d,\d{3} bytes"
    ):
        load(path)
    monkeypatch.setattr(module, "memory", lambda: 2**12)
    good = npz(tmp_path, x_train=np.zeros((20, 16, 16), np.uint8), x_test=np.zeros((5, 16, 16), np.uint8))
    with pytest.raises(ValueError, match=r"arrays of \d,\d{3} bytes; half of this machine's memory is 2,048"):
        load(good)


def test_a_container_has_no_more_memory_than_its_limit(tmp_path, monkeypatch):
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    monkeypatch.setattr(limits, "_LIMIT", tmp_path / "memory.max")
    assert limits.memory() == machine
    for text, found in (("max\n", machine), ("4096\n", 4096), (f"{2**62}\n", machine)):
        (tmp_path / "memory.max").write_text(text)
        assert limits.memory() == found


def forged(path, stored, size):
    """Add an entry whose zip header says that it unpacks to `size` bytes."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", bytes(stored))
        archive.filelist[-1].file_size = size
    assert zipfile.ZipFile(path).getinfo("x_train.npy").file_size == size


def test_npz_that_is_truncated_or_damaged(tmp_path):
    whole = npz(tmp_path).read_bytes()
    truth = load(tmp_path / "set.npz")
    damaged = tmp_path / "damaged.npz"
    for length in range(0, len(whole), 37):
        damaged.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"in '.*damaged\.npz' must be "):
            load(damaged)
    rng = np.random.default_rng(0)
    for _ in range(200):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        damaged.write_bytes(flipped)
        # Refused, or the bit did not matter: never other data, never another error.
        with contextlib.suppress(ValueError):
            assert_equal(load(damaged), truth)


# tensorflow_datasets


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "mnist", "fashion_mnist"])
def test_a_set_that_is_not_prepared(tmp_path, name, no_network):
    (tmp_path / name / "3.0.2.incomplete").mkdir(parents=True)
    (tmp_path / name / "3.0.2.incomplete" / "dataset_info.json").touch()
    (tmp_path / name / "3.0.1").mkdir()
    with pytest.raises(FileNotFoundError) as error:
        load(name, tmp_path)
    message = str(error.value)
    assert f"`data_dir` must hold '{name}'" in message
    assert message.endswith(f"Received: data_dir={str(tmp_path)!r}")
    assert "download=True" in message.split("` or ")[1]
    words = shlex.split(message.split("`")[3])
    assert words[:2] == ["python", "-c"]
    call = ast.parse(words[2]).body[1].value
    assert ast.unparse(call) == f"tfds.load('{name}', data_dir={str(tmp_path)!r}, download=True)"


def test_the_default_data_dir(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "here"))
    with pytest.raises(FileNotFoundError, match=f"Received: data_dir='{tmp_path}/here'"):
        load("mnist")
    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"Received: data_dir='{tmp_path}/tensorflow_datasets'"):
        load("mnist")


@pytest.mark.parametrize("package", ["tensorflow", "tensorflow_datasets"])
def test_a_missing_package(monkeypatch, package, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=f"npz file, which work without TensorFlow, where {package} is not"):
        load("mnist")
    assert len(load(npz(tmp_path)).test.y) == 5


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A small `mnist` that tensorflow_datasets wrote: two versions, the older one with other labels."""
    pytest.importorskip("importlib_resources")  # tensorflow_datasets needs it to write, and does not say so
    tfds = pytest.importorskip("tensorflow_datasets")
    tf = pytest.importorskip("tensorflow")
    folder = tmp_path_factory.mktemp("tfds")
    features = tfds.features.FeaturesDict(
        {"image": tfds.features.Image(shape=(2, 3, 1)), "label": tfds.features.ClassLabel(num_classes=400)}
    )
    for version, first in (("3.0.9", 200), ("3.0.10", 0)):
        splits = {"train": numbered(20, first=first), "test": numbered(5, first=first + 100)}
        tfds.dataset_builders.store_as_tfds_dataset(
            name="mnist",
            version=version,
            features=features,
            split_datasets={
                part: tf.data.Dataset.from_tensor_slices({"image": x, "label": y}) for part, (x, y) in splits.items()
            },
            data_dir=folder,
            disable_shuffling=True,
        )
    return folder


def test_a_prepared_set_is_read_in_order_from_its_newest_version(prepared, no_network):
    data = load("mnist", prepared, validation=0, download=True)
    x, y = numbered(20)
    assert_equal(data, (Split(x, y), Split(x[:0], y[:0]), Split(*numbered(5, first=100))))
    assert [(split.x.dtype, split.y.dtype) for split in data] == [(np.uint8, np.int64)] * 3


def test_download_only_where_asked(prepared, tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    class Builder:
        def download_and_prepare(self):
            (tmp_path / "mnist").symlink_to(prepared / "mnist")

    asked = []
    monkeypatch.setattr(tfds, "builder", lambda name, data_dir: asked.append((name, data_dir)) or Builder())
    with pytest.raises(FileNotFoundError):
        load("mnist", tmp_path)
    for _ in range(2):
        assert len(load("mnist", tmp_path, download=True).train.y) == 18
    assert asked == [("mnist", str(tmp_path))]


def test_a_damaged_set(prepared, tmp_path):
    for damage in ("record", "info"):
        folder = tmp_path / damage / "mnist" / "3.0.1"
        folder.mkdir(parents=True)
        for file in (prepared / "mnist" / "3.0.10").iterdir():
            content = file.read_bytes()
            broken = "tfrecord" in file.name if damage == "record" else file.name == "dataset_info.json"
            (folder / file.name).write_bytes(content[: len(content) // 2] if broken else content)
        with pytest.raises(ValueError, match=rf"`data_dir` must hold an undamaged .*{damage}/mnist/3.0.1'"):
            load("mnist", tmp_path / damage)


@pytest.mark.parametrize("kind", ["MemoryError", "PermissionError", "ResourceExhaustedError"])
def test_what_no_download_mends_is_no_damage(prepared, monkeypatch, kind):
    tf, tfds = pytest.importorskip("tensorflow"), pytest.importorskip("tensorflow_datasets")
    error = {
        "MemoryError": MemoryError(),
        "PermissionError": PermissionError("locked"),
        "ResourceExhaustedError": tf.errors.ResourceExhaustedError(None, None, "out of memory"),
    }[kind]

    def read(folder):
        raise error

    monkeypatch.setattr(tfds, "builder_from_directory", read)
    with pytest.raises(type(error)):
        load("mnist", prepared)


def test_devices_that_were_chosen_already_are_no_damage(prepared, monkeypatch):
    tf = pytest.importorskip("tensorflow")
    asked = []

    def chosen(*devices):
        asked.append(devices)
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    monkeypatch.setattr(tf.config, "set_visible_devices", chosen)
    assert len(load("mnist", prepared, validation=0).train.as_dataset()) == 20
    assert asked == [([], "GPU")] * 2


REAL = {
    "cifar10": ((32, 32, 3), 10, [45_000, 5_000, 10_000], [5_000] * 10, (0.4914, 0.4822, 0.4465)),
    "cifar100": ((32, 32, 3), 100, [45_000, 5_000, 10_000], [500] * 100, (0.5071, 0.4866, 0.4409)),
    "mnist": (
        (28, 28, 1),
        10,
        [55_000, 5_000, 10_000],
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        (0.1307,),
    ),
    "fashion_mnist": ((28, 28, 1), 10, [55_000, 5_000, 10_000], [6_000] * 10, (0.2860,)),
}


@pytest.mark.parametrize("name", REAL)
def test_the_real_set(name, no_network):
    root = os.environ.get("TFDS_DATA_DIR")
    if not root or not list(Path(root, name).glob("*/dataset_info.json")):
        pytest.skip(f"{name} is not prepared in $TFDS_DATA_DIR")
    shape, classes, sizes, counts, means = REAL[name]
    data = load(name)
    assert data.input_shape == shape
    assert data.classes == classes
    assert [len(split.y) for split in data] == sizes
    assert all(split.x.dtype == np.uint8 and split.y.dtype == np.int64 for split in data)
    seen = np.r_[data.train.y, data.val.y]
    np.testing.assert_array_equal(np.bincount(seen), counts)
    # The published channel means of the training set: right pixels, in the right channel order.
    sums = sum(split.x.sum((0, 1, 2), dtype=np.float64) for split in (data.train, data.val))
    np.testing.assert_allclose(sums / (255 * len(seen) * shape[0] * shape[1]), means, atol=1e-4)
    hashes = [zlib.crc32(image.tobytes()) for split in data for image in split.x]
    assert len(set(hashes)) > 0.98 * len(hashes)


def test_the_order_of_an_archive_s_arrays_does_not_matter(tmp_path):
    x, y = np.zeros((40, 4, 4), "uint8"), np.array(["cat", "dog"] * 20)
    np.savez(tmp_path / "order.npz", y_test=y, x_test=x, y_val=y, x_val=x, y_train=y, x_train=x)
    data = load(tmp_path / "order.npz")
    assert data.class_names == ("cat", "dog")
    assert data.test.y.tolist() == [0, 1] * 20
