"""What images in files become: untouched at their size, resized as Keras does elsewhere, upright, or refused."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data import lazy_images
from zoo.data.lazy_images import LazyImages
from zoo.data.resizing import resized_arrays

pytestmark = pytest.mark.backend_free


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype(np.uint8)


def one(path, size, resize="stretch"):
    return LazyImages([str(path)], np.array([[0, 0, -1]]), size, resize)[0]


def slow_bilinear(image, height, width):
    """One pixel at a time, in double precision."""
    tall, wide = image.shape[:2]
    out = np.zeros((height, width, image.shape[2]))
    for row, column in np.ndindex(height, width):
        y = min(max((row + 0.5) * tall / height - 0.5, 0), tall - 1)
        x = min(max((column + 0.5) * wide / width - 0.5, 0), wide - 1)
        for r in (int(y), min(int(y) + 1, tall - 1)):
            for c in (int(x), min(int(x) + 1, wide - 1)):
                share = (1 - abs(y - r)) * (1 - abs(x - c))
                twice = (2 if int(y) == tall - 1 else 1) * (2 if int(x) == wide - 1 else 1)
                out[row, column] += image[r, c] * share / twice
    return out


def test_images_of_the_wanted_size_are_untouched(tmp_path):
    pixels = noise(7, 12)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for resize in ("stretch", "crop"):
        np.testing.assert_array_equal(one(tmp_path / "a.png", (7, 12), resize), pixels)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=80)
    decoded = np.asarray(Image.open(tmp_path / "a.jpg"))
    np.testing.assert_array_equal(one(tmp_path / "a.jpg", (7, 12)), decoded)


@pytest.mark.parametrize(("height", "width"), [(5, 9), (14, 12), (3, 4), (7, 24), (1, 1), (40, 2)])
def test_others_are_resized_bilinearly(tmp_path, height, width):
    pixels = noise(7, 12)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    truth = slow_bilinear(pixels.astype(float), height, width)
    got = one(tmp_path / "a.png", (height, width))
    assert got.dtype == np.uint8
    assert np.abs(got - truth).max() <= 0.5 + 1e-3
    floats = resized_arrays(np.stack([pixels, pixels[::-1]]).astype("float32"), (height, width), "stretch")
    np.testing.assert_allclose(floats[0], truth, atol=1e-3)
    np.testing.assert_allclose(floats[1], slow_bilinear(pixels[::-1].astype(float), height, width), atol=1e-3)


@pytest.mark.parametrize("size", [(6, 6), (9, 20), (20, 9), (7, 12), (31, 8)])
@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_keras_resizes_alike(tmp_path, size, resize):
    import keras

    (tmp_path / "a").mkdir()
    for number, (height, width) in enumerate([(7, 12), (30, 11), (9, 9)]):
        Image.fromarray(noise(height, width, seed=number)).save(tmp_path / "a" / f"{number}.png")
    made = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=size, shuffle=False, verbose=False, crop_to_aspect_ratio=resize == "crop"
    )
    truth = np.asarray(next(iter(made))[0])
    for number in range(3):
        got = one(tmp_path / "a" / f"{number}.png", size, resize)
        assert np.abs(got - truth[number]).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_upright(tmp_path, ending, orientation):
    corner = np.zeros((32, 48, 3), np.uint8)
    corner[:16, :16] = 255  # top left, in a wide image
    # How a camera stores it: what EXIF's definition of the first row and column says.
    stored = {
        1: corner, 2: corner[:, ::-1], 3: corner[::-1, ::-1], 4: corner[::-1],
        5: corner.transpose(1, 0, 2), 6: corner.transpose(1, 0, 2)[::-1],
        7: corner.transpose(1, 0, 2)[::-1, ::-1], 8: corner.transpose(1, 0, 2)[:, ::-1],
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, quality=100)
    got = one(path, (32, 48))
    assert np.abs(got.astype(int) - corner).max() <= 3
    as_stored = one(path, 8, "imagenet").astype(int)
    turned = np.ascontiguousarray(stored)
    Image.fromarray(turned).save(path, quality=100)
    assert np.abs(as_stored - one(path, 8, "imagenet")).max() <= 3


def test_a_damaged_note_leaves_the_image(tmp_path):
    pixels = noise(8, 8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    np.testing.assert_array_equal(one(tmp_path / "a.png", 8), pixels)


def sixteen(mode):
    file = io.BytesIO()
    if mode == "grey":
        Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(file, "PNG")
        return file.getvalue()
    import tensorflow as tf  # Pillow writes no colours of 16 bits

    return tf.io.encode_png(np.full((8, 8, 3 if mode == "rgb" else 4), 40_000, np.uint16)).numpy()


@pytest.mark.parametrize("mode", ["grey", "rgb", "rgba"])
def test_sixteen_bits_are_refused(tmp_path, mode):
    (tmp_path / "a.png").write_bytes(sixteen(mode))
    with pytest.raises(ValueError, match=r"a.png' must hold .* Received: 16 bits per channel; save it with 8"):
        one(tmp_path / "a.png", 8)


def several(root, sizes):
    files = [str(root / f"{number}.png") for number in range(len(sizes))]
    for number, (file, size) in enumerate(zip(files, sizes, strict=True)):
        Image.fromarray(noise(*size, seed=number)).save(file)
    where = np.stack([np.arange(len(files)), np.zeros(len(files), int), np.full(len(files), -1)], 1)
    return files, where


@pytest.mark.parametrize("resize", ["stretch", "crop", "imagenet"])
def test_images_of_any_sizes_are_read_as_each_by_itself(tmp_path, resize):
    sizes = [(9, 9), (12, 7), (9, 9), (30, 40), (12, 7)] * 8
    files, where = several(tmp_path, sizes)
    x = LazyImages(files, where, 9, resize)
    alone = [one(file, 9, resize) for file in files]
    rows = np.random.default_rng(0).integers(0, 40, 100)
    np.testing.assert_array_equal(x[rows], np.stack(alone)[rows])
    np.testing.assert_array_equal(x[:], np.stack(alone))
    windows = x.read(rows, np.random.default_rng(1))
    for number, row in enumerate(rows[:5]):
        draws = np.random.default_rng(1).random((100, 23))[number : number + 1]
        fixed = type("Drawn", (), {"random": lambda self, shape, draws=draws: draws})()
        np.testing.assert_array_equal(x.take(np.array([row])).read(np.arange(1), fixed)[0], windows[number])


def test_small_images_stay_in_memory_and_large_ones_do_not(tmp_path, monkeypatch):
    files, where = several(tmp_path, [(8, 8), (9, 9), (8, 8)])
    x = LazyImages(files, where, 8)
    monkeypatch.setattr(lazy_images, "_IN_MEMORY", 3 * 8 * 8 * 3 - 1)
    large, windows = LazyImages(files, where, 8), x.read(np.arange(2), np.random.default_rng(0))
    first, other = x[[0, 1]], large[[0, 1]]
    np.testing.assert_array_equal(first, other)
    first[:] = 0  # the caller's own
    copy = pickle.loads(pickle.dumps(x))
    for file in files:
        Path(file).unlink()
    np.testing.assert_array_equal(x[[1, 0]], other[::-1])
    np.testing.assert_array_equal(x.read(np.arange(2), np.random.default_rng(0)), windows)
    for images, row in ((x, 2), (large, 0), (copy, 0)):
        with pytest.raises(FileNotFoundError, match=f"{row}.png"):
            images[[row]]


def test_bad_ways_to_resize():
    where = np.array([[0, 0, -1]])
    with pytest.raises(ValueError, match=r"`resize` must be one of 'stretch', 'crop', .* Received: resize='x'"):
        LazyImages(["a"], where, 8, "x")
    with pytest.raises(ValueError, match=r"`image_size` must be square for resize='imagenet'. Received: .*\(8, 9\)"):
        LazyImages(["a"], where, (8, 9), "imagenet")
