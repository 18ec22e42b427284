"""Height and width of images: what is asked for, and how an image of another size comes to it."""

from typing import Any

import keras
import numpy as np

from zoo.data.decoding import PIXELS
from zoo.layers.arguments import int_at_least, one_of

RESIZE = ("stretch", "crop", "imagenet")
_SHORTER = 256 / 224  # shorter side of an image before its centre is cut out, over the size of what is cut
_LONG = 16  # a scaled image may always be this many times as long as wide
_AT_ONCE = 2**22  # numbers of the images that are resized at once


def height_and_width(image_size: Any) -> tuple[int, int]:
    """Return a size as `(height, width)`.

    Args:
        image_size: Int >= 1, height and width; or a pair of such.

    Raises:
        ValueError: If it is neither.
    """
    sides = tuple(image_size) if isinstance(image_size, tuple | list) else (image_size, image_size)
    try:
        height, width = (int_at_least("image_size", side, minimum=1) for side in sides)
    except ValueError:
        raise ValueError(
            f"`image_size` must be None, an int >= 1 or a pair (height, width) of such. Received: "
            f"image_size={image_size!r}"
        ) from None
    return height, width


def check_resize(resize: str, size: tuple[int, int]) -> str:
    """Return a way to resize, or raise a `ValueError` if there is none of that name, or none for this size."""
    if one_of("resize", resize, RESIZE) == "imagenet" and size[0] != size[1]:
        raise ValueError(f"`image_size` must be square for resize='imagenet'. Received: image_size={size}")
    return resize


def resized_arrays(x: np.ndarray, size: tuple[int, int], resize: str) -> np.ndarray:
    """Images `(n, h, w, c)` at another size, of the same dtype, ints rounded; the same array if they have that size.

    Args:
        x: Images, ints or floats.
        size: Height and width.
        resize: "stretch", each axis by itself, bilinear without antialiasing; or "crop", likewise of the largest
            centred window of that shape.
    """
    if x.shape[1:3] == size:
        return x
    if resize == "crop":
        x = _largest_window(x, size)
    out = np.empty((len(x), *size, x.shape[3]), x.dtype)
    step = max(1, _AT_ONCE // max(1, out[:1].size))
    for first in range(0, len(x), step):
        found = _bilinear(x[first : first + step], size)
        out[first : first + step] = np.rint(found) if x.dtype.kind in "ui" else found
    return out


def _bilinear(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`(n, h, w, c)` float32: pixels at their centres, no antialiasing, in the order of tf.image.resize's sums."""
    if keras.backend.backend() == "tensorflow" and x.dtype in (np.uint8, np.float32):
        import tensorflow as tf

        with tf.device("CPU"):  # the same numbers in a sixth of the time
            return tf.image.resize(x, size).numpy()
    above, below, down = _neighbours(x.shape[1], size[0])
    left, right, along = _neighbours(x.shape[2], size[1])
    down, along = down[:, None, None], along[:, None]
    rows = x[:, np.stack([above, below])]  # (n, 2, h, w, c)
    first, last = rows[..., left, :].astype(np.float32), rows[..., right, :].astype(np.float32)
    first += (last - first) * along
    return first[:, 0] + (first[:, 1] - first[:, 0]) * down


def _neighbours(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For every one of `size` places on `length` pixels the pixels on either side and the share of the second."""
    places = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(length / size) - np.float32(0.5)
    floor = np.floor(places)
    before = np.maximum(floor, 0).astype(np.int64)
    after = np.minimum(np.ceil(places), length - 1).astype(np.int64)
    return before, after, places - floor


def _largest_window(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The largest centred window of that shape, as keras.utils.image_dataset_from_directory(crop_to_aspect_ratio)."""
    height, width = x.shape[1:3]
    tall = max(1, min(height, width * size[0] // size[1]))
    wide = max(1, min(width, height * size[1] // size[0]))
    top, left = (height - tall) // 2, (width - wide) // 2
    return x[:, top : top + tall, left : left + wide]


def centre(image: Any, size: int) -> Any:
    """Scale the shorter side to 256/224 of `size`, with antialiasing, and cut out the centre, as torchvision does.

    Raises:
        ValueError: If the image is too long to be scaled before it is cut.
    """
    from PIL.Image import Resampling

    width, height = image.size
    short = round(size * _SHORTER)
    wide, tall = (short, short * height // width) if width <= height else (short * width // height, short)
    if wide * tall >= max(PIXELS, _LONG * short**2):
        raise ValueError(f"{width}x{height} pixels, which are {wide}x{tall} when the shorter side is scaled")
    left, top = round((wide - size) / 2), round((tall - size) / 2)
    return image.resize((wide, tall), Resampling.BILINEAR).crop((left, top, left + size, top + size))
