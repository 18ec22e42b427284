"""Images that TensorFlow decodes many at a time: the pixels that Pillow finds, or none."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

import zoo
from zoo.data.augmentation import DRAWS, mirrored, random_windows
from zoo.data.lazy_images import LazyImages
from zoo.data.plain_images import decoded_together

pytestmark = pytest.mark.on_tensorflow

PLAIN = {
    "png": ("RGB", {}),
    "grey png": ("L", {}),
    "png with a density": ("RGB", {"dpi": (72, 72)}),
    "jpeg": ("RGB", {"quality": 90}),
    "jpeg 4:4:4": ("RGB", {"subsampling": 0}),
    "jpeg 4:2:2": ("RGB", {"subsampling": 1}),
    "poor jpeg": ("RGB", {"quality": 20}),
    "grey jpeg": ("L", {}),
}
TURNED = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
OTHERS = {
    "palette png": ("P", {}),
    "png with alpha": ("RGBA", {}),
    "turned png": ("RGB", {"exif": TURNED}),
    "turned jpeg": ("RGB", {"exif": TURNED}),
    "progressive jpeg": ("RGB", {"progressive": True}),
}


def encoded(kind, mode, options, size=(21, 13), seed=0):
    smooth = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8))
    file = io.BytesIO()
    smooth.resize(size, Image.Resampling.BICUBIC).convert(mode).save(
        file, "JPEG" if "jpeg" in kind else "PNG", **options
    )
    return file.getvalue()


@pytest.mark.parametrize("kind", PLAIN)
def test_pixels_are_pillows(kind):
    files = [encoded(kind, *PLAIN[kind], seed=seed) for seed in range(9)]
    ((indices, pixels),) = decoded_together(files)
    assert indices == list(range(9))
    wanted = [np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in files]
    np.testing.assert_array_equal(pixels, np.stack(wanted))


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_not_plain_is_left(kind):
    assert decoded_together([encoded(kind, *OTHERS[kind])] * 9) == []


def test_few_large_or_damaged_images_are_left():
    png = encoded("png", "RGB", {})
    assert decoded_together([png] * 7) == []
    assert decoded_together([png] * 8 + [png[:-20]]) == []
    assert decoded_together([encoded("png", "RGB", {}, (700, 400))] * 8) == []
    note = png[:33] + b"\0\0\0\x04gAMAabcd\0\0\0\0" + png[33:]  # a wrong checksum
    assert decoded_together([note] * 8) == []
    assert decoded_together([b"", b"\xff\xd8\xff", png[:30]] * 8) == []


def test_a_folder_of_all_kinds_is_read_in_its_order(tmp_path):
    """Two sizes, plain and other kinds mixed, one damaged: what is asked for, or the name of the damaged file."""
    wanted = []
    (tmp_path / "a").mkdir()
    for index in range(60):
        name, (mode, options) = list({**PLAIN, **OTHERS}.items())[index % 13]
        size = (8, 6) if index % 2 else (16, 12)
        content = encoded(name, mode, options, size, seed=index)
        (tmp_path / "a" / f"{index:02d}.png").write_bytes(content)
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
        wanted.append(np.asarray(upright) if upright.size == (8, 6) else None)
    images = zoo.data.load(tmp_path, image_size=(6, 8), test=0.02, validation=0, seed=0)
    for split in (images.train, images.test):
        for pixels, (file, *_) in zip(split.x[:], split.x.where, strict=True):
            index = int(split.x.files[file][-6:-4])
            if wanted[index] is not None:
                np.testing.assert_array_equal(pixels, wanted[index])
    (tmp_path / "a" / "07.png").write_bytes(content[:-40])
    with pytest.raises(ValueError, match=r"07\.png"):
        zoo.data.load(tmp_path, image_size=(6, 8), test=0.02, validation=0).train.x[:]


def test_windows_of_plain_and_other_images_are_pillows(tmp_path):
    """Cut out of images that were decoded together, one by one and in memory already: the same pixels."""
    wanted, numbers = [], np.random.default_rng(3).random((60, DRAWS))
    (tmp_path / "a").mkdir()
    for index in range(60):
        name, (mode, options) = list({**PLAIN, **OTHERS}.items())[index % 13]
        content = encoded(name, mode, options, (8, 6) if index % 2 else (16, 12), seed=index)
        (tmp_path / "a" / f"{index:02d}.png").write_bytes(content)
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
        one = numbers[index : index + 1]
        top, left, tall, wide = (int(found[0]) for found in random_windows(one, image.height, image.width))
        window = image.crop((left, top, left + wide, top + tall)).resize((7, 9), Image.Resampling.BILINEAR)
        wanted.append(np.asarray(ImageOps.mirror(window) if mirrored(one)[0] else window))
    files = sorted(map(str, (tmp_path / "a").iterdir()))
    images = LazyImages(files, np.stack([np.arange(60), np.zeros(60, int), np.full(60, -1)], 1), (9, 7))
    order = np.random.default_rng(4).permutation(60)
    for _ in range(2):
        np.testing.assert_array_equal(images.read(order, Drawn(numbers[order])), np.stack(wanted)[order])


class Drawn:
    """A generator whose numbers are known."""

    def __init__(self, numbers):
        self.numbers = numbers

    def random(self, shape):
        assert shape == self.numbers.shape
        return self.numbers
