"""LazyImages: encoded images on disk, decoded and cut when their rows are asked for."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from zoo.data.augmentation import DRAWS, mirrored, random_windows
from zoo.data.decoding import as_array, decoded, encoded_bytes
from zoo.data.plain_images import decoded_together
from zoo.data.resizing import centre, check_resize, height_and_width, resized_arrays
from zoo.data.threads import by_parts
from zoo.data.windows import Stored, cut_windows, on_sheets

_IN_MEMORY = 2**30  # bytes of pixels up to which NumPy may have all of them
_TOGETHER = 256  # images whose files are in memory at once
_SMALL = 2**18  # bytes of a file that may be decoded with others
_WINDOWS = 2**17  # pixels of the windows that a thread cuts at once: small ones wait for the interpreter


class LazyImages:
    """RGB images that stay in their files; an array in what evaluation and `Batches` ask of one.

    `images[rows]` decodes those rows, an int, a slice or an array as for NumPy. Images of the size asked for are what
    their files hold, in every pixel; others are resized and rounded. Where all of them take at most 1 GiB, each stays
    in memory once it was read, as does what windows are cut out of; and `np.asarray`, with it `model.fit(images, y)`,
    has all of them.

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

    Example:
        >>> keras.utils.save_img("red.png", np.full((8, 8, 3), [255, 0, 0]), scale=False)
        >>> images = zoo.data.LazyImages(["red.png"], np.array([[0, 0, -1]]), size=4)
        >>> images.shape, images[0][0, 0].tolist()
        ((1, 4, 4, 3), [255, 0, 0])
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, files: Sequence[str], where: np.ndarray, size: Any = 224, resize: str = "stretch") -> None:
        self.files, self.where, self.size = files, where, height_and_width(size)
        self.resize = check_resize(resize, self.size)
        self._fits = np.prod(self.shape, dtype=float) <= _IN_MEMORY
        # Takes no memory before an image is written to it.
        self._pixels = np.empty(self.shape if self._fits else (0,), self.dtype)
        self._known = np.zeros(len(self), bool)
        self._stored: dict[int, Stored] = {}
        self._left = _IN_MEMORY  # bytes for what is stored

    def __reduce__(self) -> tuple:
        """Copies and pickles have the files alone."""
        return LazyImages, (self.files, self.where, self.size, self.resize)

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
        if not self._fits:
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
        rows = np.asarray(rows)
        if rng is not None:
            return self._windows(rows, rng.random((len(rows), DRAWS)))
        if not self._fits:
            images = np.empty((len(rows), *self.shape[1:]), self.dtype)
            self._fill(images, np.arange(len(rows)), rows)
            return images
        new = np.unique(rows[~self._known[rows]])
        if len(new):
            self._fill(self._pixels, new, new)
            self._known[new] = True
        return self._pixels[rows]

    def _fill(self, images: np.ndarray, places: np.ndarray, rows: np.ndarray) -> None:
        """Write rows to places of an array."""
        left = self._fill_plain(images, places, rows)

        def fill(part: list[tuple[int, list[int]]]) -> list[None]:
            alike: dict[tuple, list[tuple[int, np.ndarray]]] = {}
            for place, where in part:
                pixels = self._decoded(where, self._prepared)
                alike.setdefault(pixels.shape, []).append((place, pixels))
            for group in alike.values():  # resized together: a call of NumPy takes longer than a small image
                found = np.stack([pixels for _, pixels in group])
                images[[place for place, _ in group]] = resized_arrays(found, self.size, self.resize)
            return [None] * len(part)

        by_parts(fill, list(zip(places[left].tolist(), self.where[rows[left]].tolist(), strict=True)))

    def _fill_plain(self, images: np.ndarray, places: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Write the rows that are decoded together; which ones are left, `(n,)` bool."""
        left = np.ones(len(rows), bool)
        for at, pixels in self._together(rows):
            images[places[at]] = resized_arrays(pixels, self.size, self.resize)
            left[at] = False
        return left

    def _together(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Decode the plain ones of some rows: for each group its places among them, and its pixels as stored."""
        if self.resize == "imagenet" or keras.backend.backend() != "tensorflow":
            return
        for first in range(0, len(rows), _TOGETHER):
            where = self.where[rows[first : first + _TOGETHER]].tolist()
            encoded = by_parts(lambda part: [self._encoded(*one) for one in part], where)
            for group, pixels in decoded_together(encoded):
                yield first + np.array(group), pixels

    def _encoded(self, index: int, first: int, count: int) -> bytes:
        return encoded_bytes(self.files[index], first, count, _SMALL)

    def _windows(self, rows: np.ndarray, draws: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *self.shape[1:]), self.dtype)
        plain = self._plain(rows)

        def fill(part: list[tuple[int, int]]) -> list[None]:
            places = [place for place, _ in part]
            stored = [plain.get(row) or self._whole(row) for _, row in part]
            cuts = np.empty((len(part), 5), np.int64)
            for size in {one.size for one in stored}:
                chosen = [index for index, one in enumerate(stored) if one.size == size]
                numbers = draws[[places[index] for index in chosen]]
                cuts[chosen] = np.stack([*random_windows(numbers, *size), mirrored(numbers)], 1)
            images[places] = cut_windows(stored, cuts.tolist(), self.size)
            return [None] * len(part)

        by_parts(fill, list(enumerate(rows.tolist())), max(1, _WINDOWS // (self.size[0] * self.size[1])))
        return images

    def _plain(self, rows: np.ndarray) -> dict[int, Stored]:
        """New rows that are decoded together, by their numbers; they stay in memory if there is room."""
        new = np.array([row for row in rows.tolist() if row not in self._stored], int)
        found: dict[int, Stored] = {}
        for at, pixels in self._together(new):
            found |= self._keep(dict(zip(new[at].tolist(), on_sheets(pixels), strict=True)))
        return found

    def _whole(self, row: int) -> Stored:
        if row in self._stored:
            return self._stored[row]
        image = self._decoded(self.where[row].tolist(), lambda image: image)
        return self._keep({row: Stored(image, 0, image.height)})[row]

    def _keep(self, stored: dict[int, Stored]) -> dict[int, Stored]:
        """The same images, which stay in memory if there is room for all of them."""
        self._left -= sum(one.bytes for one in stored.values())
        if self._fits and self._left > 0:
            self._stored |= stored
        return stored

    def undamaged(self) -> tuple["LazyImages", np.ndarray]:
        """Decode every image once and leave out those that cannot be read.

        Returns:
            The others, still on disk, and their rows, `(n,)` ints.
        """
        good = np.array(by_parts(lambda part: [self._is_good(one) for one in part], self.where.tolist()), bool)
        return self.take(good), np.flatnonzero(good)

    def _is_good(self, where: Sequence[int]) -> bool:
        try:
            self._decoded(where, self._prepared)
        except (ValueError, OSError):
            return False
        return True

    def _prepared(self, image: Any) -> np.ndarray:
        """Pixels of an image; what is scaled with antialiasing is then at its size."""
        return as_array(centre(image, self.size[0]) if self.resize == "imagenet" else image)

    def _decoded(self, where: Sequence[int], use: Callable[[Any], Any]) -> Any:
        """What is made of an image of Pillow, and errors that name its file."""
        index, first, count = where
        return decoded(self.files[index], first, count, self.resize != "imagenet", use)


def as_images(x: Any) -> Any:
    """`x` as an array; `LazyImages` as they are."""
    return x if isinstance(x, LazyImages) else np.asarray(x)
