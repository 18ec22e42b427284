"""LazyImages: encoded images on disk, decoded and cut when their rows are asked for."""

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from zoo.data.augmentation import DRAWS, mirrored, random_windows
from zoo.data.decoding import as_array, decode, opened_image, upright_size
from zoo.data.resizing import check_resize, height_and_width, resized_image

_IN_MEMORY = 2**30  # bytes of pixels up to which NumPy may have all of them
_AT_LEAST = 8  # images that a thread takes at once: handing over one takes a third of the time of decoding it


class LazyImages:
    """RGB images that stay in their files; an array in what evaluation and `Batches` ask of one.

    `images[rows]` decodes those rows, an int, a slice or an array as for NumPy. Images of the size asked for are what
    their files hold, in every pixel; others are resized and rounded. `np.asarray`, and with it `model.fit(images, y)`,
    has all of them if they take at most 1 GiB.

    Args:
        files: Paths of the files.
        where: `(n, 3)` ints, for every image the index of its file, its first byte there and the number of its bytes;
            -1 is all to the end.
        size: Int >= 1, height and width of what is read, or a pair of such.
        resize: "stretch", "crop" or "imagenet", see `zoo.data.load`; of the last, images are taken as stored, whatever
            their EXIF orientation says, and the others upright.

    Attributes:
        shape: `(n, height, width, 3)`.
        dtype: uint8.

    Raises:
        ValueError: If `size` or `resize` is out of range.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, files: Sequence[str], where: np.ndarray, size: Any = 224, resize: str = "stretch") -> None:
        self.files, self.where, self.size = files, where, height_and_width(size)
        self.resize = check_resize(resize, self.size)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.where)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """The images of these rows, `(height, width, 3)` for an int, else `(rows, height, width, 3)`."""
        chosen = np.arange(len(self))[rows]
        return self.read(chosen) if chosen.ndim else self.read(chosen[None])[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All of them.

        Raises:
            TypeError: If they take more than 1 GiB.
        """
        if np.prod(self.shape, dtype=float) > _IN_MEMORY:
            raise TypeError(
                "LazyImages are read by rows, images[rows], where all of them take more than 1 GiB: train on "
                f"`Split.batches(batch_size)`. Received: images of shape {self.shape}"
            )
        return self[:].astype(dtype or self.dtype, copy=False)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the array of all images."""
        return len(self), *self.size, 3

    def take(self, rows: Any) -> "LazyImages":
        """These rows, still on disk."""
        return LazyImages(self.files, self.where[rows], self.size, self.resize)

    def read(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Decode rows, several at a time.

        Args:
            rows: `(b,)` ints.
            rng: None for whole images, else what draws `(b, DRAWS)` numbers in [0, 1) for training: the window of each
                image (`zoo.data.augmentation.random_windows`), resized with antialiasing, and whether it is mirrored.

        Returns:
            `(b, height, width, 3)` uint8.

        Raises:
            ValueError: If an image is damaged, neither JPEG nor PNG or not in a regular file, has more than 8 bits per
                channel, or 2**26 pixels or more, as stored or scaled.
            OSError: If a file cannot be read.
        """
        draws = None if rng is None else rng.random((len(rows), 1, DRAWS))
        images = np.empty((len(rows), *self.shape[1:]), self.dtype)
        places = self.where[rows].tolist()

        def fill(row: int) -> None:
            images[row] = self._read_one(places[row], None if draws is None else draws[row])

        in_threads(fill, range(len(rows)))
        return images

    def undamaged(self) -> tuple["LazyImages", np.ndarray]:
        """Decode every image once and leave out those that cannot be read.

        Returns:
            The others, still on disk, and their rows, `(n,)` ints.
        """
        good = np.array(in_threads(self._is_good, self.where.tolist()), bool)
        return self.take(good), np.flatnonzero(good)

    def _is_good(self, where: Sequence[int]) -> bool:
        try:
            self._read_one(where, None)
        except (ValueError, OSError):
            return False
        return True

    def _read_one(self, where: Sequence[int], draws: np.ndarray | None) -> np.ndarray:
        index, first, count = where
        with opened_image(self.files[index], first) as opened:
            image = decode(opened, count, upright=self.resize != "imagenet")
            return resized_image(image, self.size, self.resize) if draws is None else _window(image, self.size, draws)


def as_images(x: Any) -> Any:
    """`x` as an array; `LazyImages` as they are."""
    return x if isinstance(x, LazyImages) else np.asarray(x)


def common_size(files: Sequence[str], skip_damaged: bool) -> tuple[int, int]:
    """Height and width that all images in files have, by their headers.

    Args:
        files: Paths of the files.
        skip_damaged: Whether files whose header cannot be read are passed over.

    Raises:
        ValueError: If they have several sizes, or a header cannot be read.
        OSError: If a file cannot be read.
    """

    def size(file: str) -> tuple[int, int] | None:
        try:
            with opened_image(file) as opened:
                return upright_size(opened)
        except (ValueError, OSError):
            if skip_damaged:
                return None
            raise

    known: tuple[str, tuple[int, int]] | None = None
    for start in range(0, len(files), 1024):  # a large folder of several sizes is known by its first files
        part = files[start : start + 1024]
        for file, found in zip(part, in_threads(size, part), strict=True):
            known = known or (file, found) if found else known
            if known and found and found != known[1]:
                (h, w), (height, width) = known[1], found
                raise ValueError(
                    f"`image_size` must be given where images have several sizes, as image_size={min(h, w)}. Received: "
                    f"None, of {known[0]!r} of {h}x{w} pixels (height x width) and {file!r} of {height}x{width}"
                )
    if known is None:
        raise ValueError(f"`image_size` must be given where no image can be read. Received: None, of {files[0]!r}")
    return known[1]


def in_threads(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Results of a function that leaves the interpreter to others most of the time, in the order of the items."""
    items = list(items)
    threads, count = _threads()
    share = max(_AT_LEAST, -(-len(items) // (2 * count)))
    parts = [items[first : first + share] for first in range(0, len(items), share)]
    return [one for part in threads.map(lambda part: [function(item) for item in part], parts) for one in part]


@functools.cache
def _threads() -> tuple[ThreadPoolExecutor, int]:
    count = os.cpu_count() or 1
    return ThreadPoolExecutor(count, thread_name_prefix="decode"), count


def _window(image: Any, size: tuple[int, int], draws: np.ndarray) -> np.ndarray:
    from PIL.Image import Resampling, Transpose

    top, left, tall, wide = (int(n[0]) for n in random_windows(draws, image.height, image.width))
    window = image.crop((left, top, left + wide, top + tall)).resize(size[::-1], Resampling.BILINEAR)
    return as_array(window.transpose(Transpose.FLIP_LEFT_RIGHT) if mirrored(draws)[0] else window)
