"""Images as they are stored, those that were decoded together on one sheet of Pillow, and windows cut out of them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from zoo.data.decoding import as_array

_SHEET = 2**22  # pixels of a sheet


class Stored(NamedTuple):
    """An image as stored: rows from `top` on of an RGB image of Pillow, which may hold others above and below."""

    image: Any
    top: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.image.width

    @property
    def bytes(self) -> int:
        """Memory that it takes; Pillow has four bytes for a pixel."""
        return 4 * self.height * self.image.width


def on_sheets(pixels: np.ndarray) -> Iterator[Stored]:
    """Images `(n, h, w, 3)` below each other in images of Pillow: making one of each takes longer than cutting it."""
    from PIL import Image  # only who has images in files needs Pillow

    _, height, width, _ = pixels.shape
    step = max(1, _SHEET // (height * width))
    for first in range(0, len(pixels), step):
        some = np.ascontiguousarray(pixels[first : first + step])
        sheet = Image.frombuffer("RGB", (width, len(some) * height), some, "raw", "RGB", 0, 1)
        for index in range(len(some)):
            yield Stored(sheet, index * height, height)


def cut_windows(stored: Sequence[Stored], cuts: Sequence[Sequence[int]], size: tuple[int, int]) -> np.ndarray:
    """Cut a window out of every image and resize it with antialiasing.

    Args:
        stored: The images.
        cuts: For each its window's first row, first column, height and width, and 1 if it is mirrored left and right.
        size: Height and width of the result.

    Returns:
        `(n, height, width, 3)` uint8, read-only.
    """
    from PIL import Image

    height, width = size
    sheet = Image.new("RGB", (width, len(stored) * height))
    for index, (one, (top, left, tall, wide, mirror)) in enumerate(zip(stored, cuts, strict=True)):
        box = (left, one.top + top, left + wide, one.top + top + tall)
        window = one.image.crop(box).resize((width, height), Image.Resampling.BILINEAR)
        window = window.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else window
        sheet.paste(window, (0, index * height))
    return as_array(sheet).reshape(-1, height, width, 3)
