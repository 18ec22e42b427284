"""LazyImages: encoded images on disk, decoded and cut when their rows are asked for."""

import functools
import io
import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from zoo.data.augmentation import DRAWS, mirrored, random_windows
from zoo.layers.arguments import int_at_least

_RESIZED = 256 / 224  # shorter side of an image before its centre is cut out, over the size of what is cut
_FORMATS = ("JPEG", "PNG")  # whatever a file is called; Pillow would start Ghostscript for PostScript
_PIXELS = 2**26  # of an image as stored, and as scaled before its centre is cut out: 256 MiB in Pillow
_BYTES = 4 * _PIXELS  # of a file's part that is one image
_ASPECT = 16  # a scaled image may always be this long


class LazyImages:
    """RGB images that stay in their files; an array in what evaluation and `Batches` ask of one.

    `images[rows]` decodes those rows, an int, a slice or an array as for NumPy: the shorter side is resized to 256/224
    of `size`, the centre cut out. Resizing is Pillow's, bilinear with antialiasing, as torchvision's of image files.

    Args:
        files: Paths of the files.
        where: `(n, 3)` ints, for every image the index of its file, its first byte there and the number of its bytes;
            -1 is all to the end.
        size: Int >= 1, height and width of what is read.

    Attributes:
        shape: `(n, size, size, 3)`.
        dtype: uint8.

    Raises:
        ValueError: If `size` is out of range.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, files: Sequence[str], where: np.ndarray, size: int = 224) -> None:
        self.files, self.where, self.size = files, where, int_at_least("size", size, minimum=1)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.where)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """The centres of these rows, `(size, size, 3)` for an int, else `(rows, size, size, 3)`."""
        chosen = np.arange(len(self))[rows]
        return self.read(chosen) if chosen.ndim else self.read(chosen[None])[0]

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """Refused: NumPy would read every image, one by one."""
        raise TypeError("LazyImages are read by rows, images[rows]: all of them may not fit in memory")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the array of all images."""
        return len(self), self.size, self.size, 3

    def take(self, rows: Any) -> "LazyImages":
        """These rows, still on disk."""
        return LazyImages(self.files, self.where[rows], self.size)

    def read(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Decode rows, several at a time.

        Args:
            rows: `(b,)` ints.
            rng: None for centres, else what draws `(b, DRAWS)` numbers in [0, 1) for training: the window of each
                image (`zoo.data.augmentation.random_windows`), resized to `size`, and whether it is mirrored.

        Returns:
            `(b, size, size, 3)` uint8.

        Raises:
            ValueError: If an image is damaged, neither JPEG nor PNG or not in a regular file, has more than 8 bits per
                channel, or 2**26 pixels or more, as stored or scaled.
            OSError: If a file cannot be read.
        """
        draws = [None] * len(rows) if rng is None else rng.random((len(rows), 1, DRAWS))
        images = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for row, image in enumerate(_threads().map(self._read_one, self.where[rows], draws)):
            images[row] = image
        return images

    def undamaged(self) -> tuple["LazyImages", np.ndarray]:
        """Decode every image once and leave out those that cannot be read.

        Returns:
            The others, still on disk, and their rows, `(n,)` ints.
        """
        good = np.array(list(_threads().map(self._is_good, self.where)), bool)
        return self.take(good), np.flatnonzero(good)

    def _is_good(self, where: np.ndarray) -> bool:
        try:
            self._read_one(where, None)
        except (ValueError, OSError):
            return False
        return True

    def _read_one(self, where: np.ndarray, draws: np.ndarray | None) -> np.ndarray:
        index, first, count = (int(n) for n in where)
        file = self.files[index]
        with open(file, "rb", opener=_open_without_waiting) as opened:
            try:
                if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                    raise ValueError("no regular file")
                opened.seek(first)
                encoded = opened.read(min(count, _BYTES + 1) if count >= 0 else _BYTES + 1)
                image = _decode(encoded)
                cut = _centre(image, self.size) if draws is None else _window(image, self.size, draws)
            except Exception as error:  # Pillow raises half a dozen kinds for damaged files
                kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
                raise ValueError(
                    f"{file!r} must hold an undamaged image of 8 bits per channel (JPEG or PNG, fewer than {_PIXELS:,} "
                    f"pixels) from byte {first} on. Received: {kind}{error}"
                ) from error
        return np.asarray(cut)


def as_images(x: Any) -> Any:
    """`x` as an array; `LazyImages` as they are."""
    return x if isinstance(x, LazyImages) else np.asarray(x)


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode")


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file; a FIFO, which would wait for who writes to it, at once."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _decode(encoded: bytes):
    from PIL import Image, UnidentifiedImageError  # only who has images in files needs Pillow

    if len(encoded) > _BYTES:
        raise ValueError(f"more than {_BYTES:,} bytes")
    try:
        opened = Image.open(io.BytesIO(encoded), formats=_FORMATS)  # reads the header only
    except UnidentifiedImageError:
        raise ValueError(f"{len(encoded)} bytes that begin with {encoded[:8]!r}") from None
    with opened as image:
        if image.width * image.height >= _PIXELS:
            raise ValueError(f"{image.width}x{image.height} pixels")
        if image.mode[0] in "IF":  # converting these to RGB would clip them
            raise ValueError(f"pixels of mode {image.mode!r}")
        return image.convert("RGB")


def _centre(image, size: int):
    from PIL.Image import Resampling

    width, height = image.size
    short = round(size * _RESIZED)
    wide, tall = (short, short * height // width) if width <= height else (short * width // height, short)
    if wide * tall >= max(_PIXELS, _ASPECT * short**2):
        raise ValueError(f"{width}x{height} pixels, which are {wide}x{tall} when the shorter side is scaled")
    left, top = round((wide - size) / 2), round((tall - size) / 2)
    return image.resize((wide, tall), Resampling.BILINEAR).crop((left, top, left + size, top + size))


def _window(image, size: int, draws: np.ndarray):
    from PIL.Image import Resampling, Transpose

    top, left, tall, wide = (int(n[0]) for n in random_windows(draws, image.height, image.width))
    window = image.crop((left, top, left + wide, top + tall)).resize((size, size), Resampling.BILINEAR)
    return window.transpose(Transpose.FLIP_LEFT_RIGHT) if mirrored(draws)[0] else window
