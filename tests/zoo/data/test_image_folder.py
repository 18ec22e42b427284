"""Images that stay on disk: what is read from where, that training on them can be resumed, and every refusal."""

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
import tiny
from pictures import CLASSES, PER_CLASS, SIZES, ramp, write_pictures
from PIL import Image

import zoo
from zoo.data import batches
from zoo.data.augmentation import random_windows
from zoo.data.batches import Batches, fit_input, plain_errors
from zoo.data.datasets import load
from zoo.data.lazy_images import LazyImages

pytestmark = pytest.mark.backend_free


def one(path, size, resize="imagenet"):
    """`LazyImages` of a single file."""
    return LazyImages([str(path)], np.array([[0, 0, -1]]), size, resize)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """21 images to train on and 12 to test on."""
    root = tmp_path_factory.mktemp("images")
    write_pictures(root)
    return root


# What a folder is


def test_a_folder_is_read_in_the_order_of_its_names(folder):
    data = load(folder, validation=0, image_size=224)
    for split, count in zip((data.train, data.test), PER_CLASS, strict=True):
        np.testing.assert_array_equal(split.y, np.repeat([0, 1, 2], count))
        assert split.y.dtype == np.int64
        assert split.x.shape == (3 * count, 224, 224, 3)
        assert split.x.dtype == np.uint8
        assert len(split.x) == 3 * count
        names = [Path(file).relative_to(folder).parts for file in split.x.files]
        assert [name[1] for name in names] == [CLASSES[label] for label in split.y]
        assert names == sorted(names)
    assert len(data.val.x) == len(data.val.y) == 0
    assert (data.input_shape, data.classes) == ((224, 224, 3), 3)
    assert load(str(folder), image_size=32).input_shape == (32, 32, 3)


@pytest.mark.parametrize(("validation", "held"), [(0.01, 1), (0.2, 4), (5, 5), (None, 2)])
def test_what_is_held_out_is_what_arrays_would_lose(folder, tmp_path, validation, held):
    numbers = np.zeros((21, 2, 2, 1), np.uint8)
    numbers[:, 0, 0, 0] = np.arange(21)
    np.savez(tmp_path / "set.npz", x_train=numbers, y_train=np.zeros(21, int), x_test=numbers, y_test=np.zeros(21, int))
    arrays = load(tmp_path / "set.npz", validation=validation, seed=3)
    data = load(folder, validation=validation, seed=3, image_size=8)
    labels = np.repeat([0, 1, 2], 7)
    for split, array in ((data.train, arrays.train), (data.val, arrays.val)):
        rows = array.x[:, 0, 0, 0]
        np.testing.assert_array_equal(split.x.where[:, 0], rows)
        np.testing.assert_array_equal(split.y, labels[rows])
        assert len(split.x) == len(rows)
    assert len(data.val.x) == held


def test_a_folder_in_the_home_folder_and_a_set_s_own_name(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert len(load(f"~/{folder.name}", image_size=8).test.y) == 12
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert len(load("digits").test.y) == 360


# What is read


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("image_size", [224, 56, 32])
def test_the_centre_is_cut_out_after_resizing(tmp_path, size, image_size):
    width, height = size
    Image.fromarray(ramp(width, height)).save(tmp_path / "a.png")
    got = one(tmp_path / "a.png", image_size)[0].astype(float)
    assert got.shape == (image_size, image_size, 3)
    short = round(image_size * 256 / 224)
    for channel, length in ((0, width), (1, height)):
        whole = short * length // min(size)
        places = (np.arange(image_size) + 0.5 + (whole - image_size) / 2) / whole
        seen = got[:, :, 0].mean(0) if channel == 0 else got[:, :, 1].mean(1)
        # Half a pixel where the rest is odd, the ramp's own rounding and the result's, the filter's end at an edge.
        assert np.abs(seen - 240 * places).max() <= 1.5 + 0.5 * 240 / whole
    assert got[:, :, 0].std(0).max() <= 1
    assert got[:, :, 1].std(1).max() <= 1


def test_rows_are_chosen_as_an_array_would_have_it(folder):
    x = load(folder, image_size=16).test.x
    whole = x[:]
    assert whole.shape == x.shape
    for rows in (3, -1, np.int64(2), slice(2, 9, 3), slice(50, 60), [4, 1, 1], np.arange(12) % 5 == 0):
        np.testing.assert_array_equal(x[rows], whole[rows])
    np.testing.assert_array_equal(x.take(np.array([7, 2]))[:], whole[[7, 2]])
    np.testing.assert_array_equal(np.stack(list(iter(x))), whole)
    with pytest.raises(IndexError):
        x[12]
    np.testing.assert_array_equal(np.asarray(x), whole)
    assert np.asarray(x, "float32").dtype == np.float32
    many = x.take(np.zeros(2_000_000, int))
    with pytest.raises(TypeError, match=r"more than 1 GiB: train on `Split.batches\(batch_size\)`"):
        np.asarray(many)


def test_all_kinds_of_images_become_rgb(tmp_path):
    pixels = ramp(40, 40, blue=80)
    rgb = Image.fromarray(pixels)
    transparent = rgb.convert("RGBA")
    transparent.putalpha(7)
    palette = Image.fromarray(pixels // 60 * 60).quantize(64)
    grey = rgb.convert("L")
    kinds = {
        "rgb.png": (rgb, rgb),
        "alpha.png": (transparent, rgb),
        "grey.png": (grey, grey.convert("RGB")),
        "grey.jpg": (grey, grey.convert("RGB")),
        "cmyk.jpg": (rgb.convert("CMYK"), rgb),
        "palette.png": (palette, palette.convert("RGB")),
        "two.png": (grey.convert("1"), grey.convert("1").convert("RGB")),
    }
    for name, (image, same) in kinds.items():
        image.save(tmp_path / name, quality=100)
        same.save(tmp_path / "same.png")
        got, truth = one(tmp_path / name, 35)[0].astype(int), one(tmp_path / "same.png", 35)[0].astype(int)
        assert np.abs(got - truth).max() <= (6 if name.endswith("jpg") else 0), name
        if "grey" in name:
            assert (got == got[..., :1]).all()


def test_training_reads_the_windows_that_were_drawn(tmp_path):
    width, height = 400, 300
    Image.fromarray(ramp(width, height)).save(tmp_path / "a.png")
    x = LazyImages([str(tmp_path / "a.png")], np.repeat([[0, 0, -1]], 40, 0), 64)
    got = x.read(np.arange(40), np.random.default_rng(5)).astype(float)
    draws = np.random.default_rng(5).random((40, 23))
    windows = np.stack(random_windows(draws, height, width), -1)
    for image, (top, left, tall, wide), numbers in zip(got, windows, draws, strict=True):
        rows = 240 * (top + (np.arange(64) + 0.5) / 64 * tall) / height
        columns = 240 * (left + (np.arange(64) + 0.5) / 64 * wide) / width
        if numbers[-1] < 0.5:
            columns = columns[::-1]
        # One grey level for the ramp's own rounding, one more within the last pixels, where the filter is cut off.
        for seen, truth in ((image[:, :, 0].mean(0), columns), (image[:, :, 1].mean(1), rows)):
            assert np.abs(seen - truth)[3:-3].max() < 1
            assert np.abs(seen - truth).max() < 2
    assert len(np.unique(windows, axis=0)) == 40


# Batches


def test_batches_depend_on_seed_epoch_and_batch_only(folder):
    x, y = load(folder, validation=0, image_size=24).train
    settings = {"batch_size": 8, "augment": "resized_crop_flip", "seed": 3, "epoch": 2}
    batches = Batches(x, y, **settings)
    order = np.random.default_rng(np.random.SeedSequence([3, 2])).permutation(21)
    for i in (2, 0, 1, 1):
        images, labels = batches[i]
        rows = order[8 * i : 8 * i + 8]
        rng = np.random.default_rng(np.random.SeedSequence([3, 2, i, 1]))
        np.testing.assert_array_equal(images, x.read(rows, rng))
        np.testing.assert_array_equal(labels, y[rows])
    resumed = Batches(x, y, start=1, **settings)
    np.testing.assert_array_equal(resumed[1][0], batches[2][0])
    others = [Batches(x, y, **{**settings, key: 7})[0][0] for key in ("seed", "epoch")]
    assert all((other != batches[0][0]).any() for other in others)
    read = [(np.asarray(a), np.asarray(b)) for a, b in fit_input(resumed)]
    for (images, labels), wanted in zip(read, [batches[1], batches[2]], strict=True):
        np.testing.assert_array_equal(images, wanted[0])
        np.testing.assert_array_equal(labels, wanted[1])


def test_batches_without_windows_have_whole_images(folder):
    x, y = load(folder, image_size=24).test
    whole = x[:]
    np.testing.assert_array_equal(Batches(x, y, 12, shuffle=False)[0][0], whole)
    for augment in ("crop", "crop_flip"):
        shifted = [Batches(images, y, 5, augment=augment, seed=1)[1][0] for images in (x, whole)]
        np.testing.assert_array_equal(*shifted)
    with pytest.raises(
        ValueError, match=r"`padding` must be None or 0 where stored images are cut. Received: padding=4"
    ):
        Batches(x, y, augment="resized_crop_flip", padding=4)


# Evaluation and training


@pytest.fixture(scope="module")
def model():
    return tiny.tiny_cfnn((24, 24, 3), 3, seed=1)


def test_accuracy_is_that_of_the_same_images_in_memory(folder, model):
    x, y = load(folder, image_size=24).test
    centres = x[:]
    lazy, array = (zoo.random_accuracy(model, images, y, vote="expected", batch_size=5) for images in (x, centres))
    assert lazy == array
    assert lazy.n == 12
    votes = zoo.flips(model, x, 4, batch_size=5)
    assert votes.shape == (12, 4)
    with pytest.raises(ValueError, match="`x` must hold at least one example"):
        zoo.random_accuracy(model, x.take(slice(0, 0)), y[:0], vote="expected")


def test_a_folder_needs_no_tensorflow(folder):
    code = f"""if True:
        import sys, keras, zoo
        from zoo.data.batches import Batches, fit_input
        train, val, test = zoo.data.load({str(folder)!r}, image_size=16, validation=5)
        model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        batches = fit_input(Batches(*train, 8, augment="resized_crop_flip"))
        model.fit(batches, validation_data=fit_input(Batches(*val)), shuffle=False, verbose=0)
        print(zoo.random_accuracy(model, *test, vote="expected").n, "tensorflow" in sys.modules)
        """
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    pytest.importorskip("jax")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.split() == ["12", "False"], done.stderr


# Refusals


@pytest.fixture
def small(tmp_path):
    """A folder of two classes with one image each."""
    for part in ("train", "test"):
        for name in "ab":
            (tmp_path / part / name).mkdir(parents=True)
            Image.fromarray(ramp(9, 9)).save(tmp_path / part / name / "0.png")
    return tmp_path


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_part_without_classes(small, part):
    (small / part).rename(small / "other")
    (small / part).mkdir()
    with pytest.raises(ValueError, match=rf"'.*{part}' must hold a folder per class. Received: none"):
        load(small)


def test_a_test_split_alone(small):
    (small / "train").rename(small / "other")
    with pytest.raises(FileNotFoundError, match=r"with train/CLASS beside test/CLASS. Missing: '.*train'"):
        load(small)


@pytest.mark.parametrize("part", ["train", "test"])
def test_classes_must_be_the_same_and_have_images(small, part):
    (small / part / "c").mkdir()
    with pytest.raises(ValueError, match=r"'.*test' must hold the classes of train. Received: in one of them only: c"):
        load(small)
    for name in ("train", "test"):
        (small / name / "c").mkdir(exist_ok=True)
    with pytest.raises(ValueError, match=r"'.*train/c' must hold at least one image \(.jpg, .jpeg, .png\)"):
        load(small)


def test_an_empty_or_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"with train/CLASS, .* or with CLASS/\*.png. .* has no folders"):
        load(tmp_path)
    with pytest.raises(ValueError, match=r"Unknown name.* Allowed: .*a folder of images.* Received: name='.*missing'"):
        load(tmp_path / "missing")


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "32", (0, 3), (3,), (3, 4, 3), (8, "8"), [8, None]])
def test_bad_image_size(size, small):
    with pytest.raises(ValueError, match=r"`image_size` must be None, an int >= 1 or a pair .* Received: image_size="):
        load(small, image_size=size)


def jpeg(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "deep"])
def test_a_damaged_image_is_named_when_it_is_read(small, damage):
    whole = jpeg(ramp(90, 90))
    path = small / "test" / "b" / "broken.png"
    path.write_bytes({"truncated": whole[: len(whole) // 2], "text": b"hello"}.get(damage, b""))
    if damage == "deep":
        Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(path)
    test = load(small, image_size=224).test
    with pytest.raises(ValueError, match=r"'.*test/b/broken\.png' must hold an undamaged image of 8 bits per channel"):
        test.x[:]
    assert test.x[:2].shape == (2, 224, 224, 3)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"broken\.png"):
        test.x.read(np.array([2]))


def test_a_damaged_image_ends_training(small):
    (small / "train" / "b" / "0.png").write_bytes(b"hello")
    data = load(small, validation=0, image_size=8)
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(Exception, match=r"train/b/0\.png"):
        model.fit(fit_input(Batches(*data.train, 1, shuffle=False)), shuffle=False, verbose=0)


# imagenet2012 of tensorflow_datasets


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A small `imagenet2012` that tensorflow_datasets wrote, in two files per split; and every file's bytes by name."""
    pytest.importorskip("importlib_resources")  # tensorflow_datasets needs it to write, and does not say so
    tfds = pytest.importorskip("tensorflow_datasets")
    encoded = {f"{part}_{i}.JPEG": jpeg(ramp(*SIZES[i % 7], blue=i)) for part in "tv" for i in range(23)}

    with tfds.core.registered.skip_registration():

        class Imagenet2012(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("5.1.0")

            def _info(self):
                features = {
                    "image": tfds.features.Image(encoding_format="jpeg"),
                    "label": tfds.features.ClassLabel(num_classes=400),
                    "file_name": tfds.features.Text(),
                }
                return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

            def _split_generators(self, manager):
                return {"train": self._generate_examples("t"), "validation": self._generate_examples("v")}

            def _generate_examples(self, part):
                for name, content in encoded.items():
                    if name.startswith(part):
                        # Labels of one byte and of two.
                        label = 17 * int(name[2:-5])
                        yield name, {"image": io.BytesIO(content), "label": label, "file_name": name}

    folder = tmp_path_factory.mktemp("tfds")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        builder = Imagenet2012(data_dir=folder)
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=2))
    return folder, encoded, builder


def test_imagenet_is_read_where_it_lies(prepared):
    import tensorflow_datasets as tfds

    folder, encoded, builder = prepared
    data = load("imagenet2012", folder, validation=0, image_size=16)
    assert (data.input_shape, data.classes) == ((16, 16, 3), 17 * 22 + 1)
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    for split, part in ((data.train, "train"), (data.test, "validation")):
        stored = list(tfds.as_numpy(builder.as_dataset(split=part, read_config=in_order)))
        assert len(split.x.files) == 2
        np.testing.assert_array_equal(split.y, [example["label"] for example in stored])
        assert split.y.dtype == np.int64
        for (file, first, count), example in zip(split.x.where, stored, strict=True):
            content = Path(split.x.files[file]).read_bytes()[first : first + count]
            assert content == encoded[example["file_name"].decode()]
        labels = sorted(split.y)
        assert labels == [17 * i for i in range(23)]
        truth = [example["image"][..., 2].mean() for example in stored]
        np.testing.assert_allclose(split.x[:][..., 2].mean((1, 2)), truth, atol=2)  # TensorFlow decodes otherwise
    held = load("imagenet2012", folder, validation=0.1, image_size=16)
    assert [len(split.x) for split in held] == [21, 2, 23]
    assert sorted([*held.train.y, *held.val.y]) == labels


@pytest.mark.parametrize("damage", ["half", "short", "missing", "zeros", "length"])
def test_a_damaged_imagenet(prepared, tmp_path, damage):
    copy = tmp_path / "imagenet2012" / "5.1.0"
    copy.mkdir(parents=True)
    for file in (prepared[0] / "imagenet2012" / "5.1.0").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    path = sorted(copy.glob("*train*"))[1]
    content = path.read_bytes()
    first = 16 + int.from_bytes(content[:8], "little")
    damaged = {
        "half": content[: len(content) // 2],
        "short": content[first:],
        "zeros": content[:12] + bytes(100) + content[112:],
        "length": b"\xff" * 8 + content[8:],
    }
    path.write_bytes(damaged.get(damage, b""))
    if damage == "missing":
        path.unlink()
    with pytest.raises(ValueError, match=r"`data_dir` must hold an undamaged data set: delete '.*5.1.0' .*Received: "):
        load("imagenet2012", tmp_path)
    if damage in ("half", "short"):
        with pytest.raises(ValueError, match=r"must hold (\d+ examples|whole records)"):
            load("imagenet2012", tmp_path)


def test_an_imagenet_that_is_not_prepared(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="`data_dir` must hold 'imagenet2012' as tensorflow_datasets prepares it"
    ):
        load("imagenet2012", tmp_path)


# Files that are not what they seem


@pytest.mark.parametrize("form", ["EPS", "BMP", "GIF", "TIFF", "WEBP", "PPM", "ICO", "PDF"])
def test_what_is_neither_jpeg_nor_png_is_never_decoded(tmp_path, form, monkeypatch):
    """Whatever the name says: PostScript would be run by an interpreter."""
    Image.fromarray(ramp(9, 9)).save(tmp_path / "a.jpg", form)
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(ValueError, match=r"a\.jpg' must hold an undamaged image of 8 bits per channel \(JPEG or PNG, "):
        one(tmp_path / "a.jpg", 8)[0]


def claimed(width, height):
    """The bytes of a PNG that says it has this size, and has no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"IEND"
    chunks = [struct.pack(">I", len(x) - 4) + x + struct.pack(">I", zlib.crc32(x)) for x in (header, b"IDAT", end)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("width", "height", "said"),
    [(2**13, 2**13, "8192x8192 pixels"), (2**31 - 1, 2, "pixels"), (100_000, 100_000, "pixels")],
)
def test_too_many_pixels_are_refused_by_the_header(tmp_path, width, height, said):
    (tmp_path / "a.png").write_bytes(claimed(width, height))
    with pytest.raises(ValueError, match=rf"fewer than 67,108,864 pixels\) from byte 0 on\. Received: .*{said}"):
        one(tmp_path / "a.png", 8)[0]


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1)])
def test_a_long_image_is_not_scaled_up(tmp_path, size):
    """A file of some hundred bytes would need 15 GB at 224 pixels."""
    Image.new("RGB", size).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"which are (256x15360000|15360000x256) when the shorter side is scaled"):
        one(tmp_path / "a.png", 224)[0]
    assert one(tmp_path / "a.png", 8)[0].shape == (8, 8, 3)
    assert one(tmp_path / "a.png", 224).read(np.arange(1), np.random.default_rng(0)).shape == (1, 224, 224, 3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no FIFO")
def test_a_fifo_or_a_device_does_not_wait(small):
    os.mkfifo(small / "test" / "b" / "1.png")
    (small / "test" / "b" / "2.png").symlink_to("/dev/zero")
    test = load(small, image_size=224).test
    for row in (2, 3):
        with pytest.raises(ValueError, match=r"test/b/\d\.png' must hold .* Received: no regular file"):
            test.x[row]


# Damaged images


@pytest.fixture
def broken(small):
    """The small folder with two images more to train on, both damaged, one to test on, and one that is gone."""
    whole = jpeg(ramp(90, 90))
    (small / "train" / "a" / "1.jpg").write_bytes(whole[:-400])
    (small / "train" / "b" / "00.jpg").write_bytes(b"hello")
    (small / "train" / "b" / "3.jpg").write_bytes(whole)
    (small / "test" / "b" / "1.jpg").symlink_to("nowhere")
    return small


def test_damaged_images_are_skipped_and_counted_where_asked(broken):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        data = load(broken, damaged="skip", validation=0, image_size=16)
    train, test = (str(one.message) for one in warned)
    assert train.startswith("2 of 5 training images cannot be read and are left out: ")
    assert "train/a/1.jpg" in train
    assert "train/b/00.jpg" in train
    assert test.startswith("1 of 3 test images")
    assert [Path(data.train.x.files[i]).name for i in data.train.x.where[:, 0]] == ["0.png", "0.png", "3.jpg"]
    assert data.train.y.tolist() == [0, 1, 1]
    assert data.test.y.tolist() == [0, 1]
    assert data.train.x[:].shape == (3, 16, 16, 3)


def test_an_undamaged_folder_is_the_same_with_skip(folder):
    one, other = (load(folder, damaged=damaged, image_size=8) for damaged in ("skip", "refuse"))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.x.where, b.x.where)
        np.testing.assert_array_equal(a.y, b.y)
    with pytest.raises(ValueError, match=r"`damaged` must be one of 'refuse', 'skip'. Received: damaged='no'"):
        load(folder, damaged="no", image_size=8)


def test_nothing_but_damaged_images(small):
    for name in "ab":
        (small / "test" / name / "0.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"`name` must have an undamaged test image. Received: 2 damaged ones"):
        load(small, damaged="skip", image_size=8)


def test_a_damaged_image_in_training_is_one_line(broken):
    data = load(broken, validation=0, image_size=8)
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"^'.*train/(a/1|b/00)\.jpg' must hold [^\n]*$"), plain_errors():
        model.fit(fit_input(Batches(*data.train, 1, shuffle=False)), shuffle=False, verbose=0)
    with pytest.raises(ZeroDivisionError), plain_errors():
        _ = 1 / 0
    assert not batches._COLLECTING
