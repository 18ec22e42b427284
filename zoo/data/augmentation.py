"""Augmentation of image batches: random shifts, random windows, mirroring."""

from typing import Any

import numpy as np

from zoo.layers.arguments import int_at_least

_AREA = (0.08, 1.0)
_RATIO = (3 / 4, 4 / 3)
_ATTEMPTS = 10
DRAWS = 2 * _ATTEMPTS + 3


def random_windows(draws: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Windows of images as torchvision's RandomResizedCrop chooses them.

    The area is uniform in [0.08, 1] of the image's, the aspect ratio (width to height) log-uniform in [3/4, 4/3]. The
    first of ten windows that fits is moved to a uniform place; where none fits, the largest of such a ratio is centred.

    Args:
        draws: `(n, DRAWS)` numbers in [0, 1): ten for areas, ten for aspect ratios, one each for the place's row and
            column; the last is left to `mirrored`.
        height: Int >= 1, of every image.
        width: Int >= 1, likewise.

    Returns:
        First row, first column, height and width of every window, each `(n,)` int64.
    """
    area = height * width * (_AREA[0] + (_AREA[1] - _AREA[0]) * draws[:, :_ATTEMPTS])
    low, high = np.log(_RATIO)
    ratio = np.exp(low + (high - low) * draws[:, _ATTEMPTS : 2 * _ATTEMPTS])
    heights, widths = np.rint(np.sqrt(area / ratio)), np.rint(np.sqrt(area * ratio))
    fits = (heights >= 1) & (heights <= height) & (widths >= 1) & (widths <= width)
    found, first = fits.any(1), (np.arange(len(draws)), fits.argmax(1))
    tall = np.where(found, heights[first], min(height, round(width / _RATIO[0]))).astype(np.int64)
    wide = np.where(found, widths[first], min(width, round(height * _RATIO[1]))).astype(np.int64)
    # A product with a number below 1 is below the number of places, in floating point too.
    top = np.where(found, np.floor(draws[:, -3] * (height - tall + 1)), (height - tall) // 2).astype(np.int64)
    left = np.where(found, np.floor(draws[:, -2] * (width - wide + 1)), (width - wide) // 2).astype(np.int64)
    return top, left, tall, wide


def mirrored(draws: np.ndarray) -> np.ndarray:
    """Tell which images are mirrored left and right, `(n,)` bool: those whose last draw is below 1/2."""
    return draws[:, -1] < 0.5


def resized_crop_and_flip(images: np.ndarray, rng: np.random.Generator, padding: int = 4) -> np.ndarray:
    """Cut a window out of every image with zeros around it, resize it bilinearly and mirror half of them.

    Pixels are taken at their centres and without antialiasing; nothing outside a window enters it.

    Args:
        images: `(n, h, w, c)`, ints or floats.
        rng: Draws `(n, DRAWS)` numbers in [0, 1), see `random_windows` and `mirrored`.
        padding: Int >= 0, zeros put around each image.

    Returns:
        A new array of the same shape and dtype; ints are rounded.

    Raises:
        ValueError: If `images` has no four axes or another dtype, or `padding` is negative.

    Reference: IteRand's released code on CIFAR-10: Pad(4), RandomResizedCrop(32), RandomHorizontalFlip.
    """
    check_batch(images)
    if images.dtype.kind not in "uif":
        raise ValueError(f"`images` must be ints or floats. Received: images.dtype={images.dtype}")
    padding = int_at_least("padding", padding)
    n, height, width, channels = images.shape
    high, broad = height + 2 * padding, width + 2 * padding
    draws = rng.random((n, DRAWS))
    top, left, tall, wide = random_windows(draws, high, broad)
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows = _blend(padded.reshape(n, 1, high, broad * channels), top, tall, height)
    resized = _blend(rows.reshape(n, height, broad, channels), left, wide, width, mirrored(draws))
    return (np.rint(resized) if images.dtype.kind in "ui" else resized).astype(images.dtype)


def _blend(x: np.ndarray, start: np.ndarray, extent: np.ndarray, size: int, backwards: Any = False) -> np.ndarray:
    """`(n, k, size, m)` from `(n, k, l, m)`: bilinear along l, from image i's `extent[i]` pixels from `start[i]` on."""
    n, k, length, m = x.shape
    place = np.clip((np.arange(size) + 0.5) * (extent[:, None] / size) - 0.5, 0, extent[:, None] - 1)
    place = np.where(np.reshape(backwards, (-1, 1)), place[:, ::-1], place)
    below = place.astype(np.int64)
    # Rows of m numbers taken out of one long list of them: several times faster than an index for every axis.
    pixels = x.reshape(n * k * length, m)
    first = np.arange(n * k).reshape(n, k, 1) * length + (start[:, None] + below)[:, None]
    second = first + (below < extent[:, None] - 1)[:, None]
    # A share for every number of a row, or NumPy would multiply three numbers at a time.
    share = np.repeat((place - below).astype(np.result_type(x.dtype, np.float32)), m, -1)[:, None]
    blend = np.take(pixels, first, 0).reshape(n, k, size * m) * (1 - share)
    blend += np.take(pixels, second, 0).reshape(n, k, size * m) * share
    return blend.reshape(n, k, size, m)


def check_batch(images: Any) -> None:
    """Raise a `ValueError` unless this is a batch of images, `(n, h, w, c)`."""
    if images.ndim != 4:
        raise ValueError(f"`images` must have shape (n, h, w, c). Received: images.shape={images.shape}")


def crop_and_flip(images: np.ndarray, rng: np.random.Generator, padding: int = 4, flip: bool = True) -> np.ndarray:
    """Shift every image by up to `padding` pixels either way, filling with zeros, and mirror half of them.

    Args:
        images: `(n, h, w, c)`, any dtype.
        rng: Draws the `n` vertical offsets, then the `n` horizontal ones, both uniform in [0, 2 * padding]; then
            `n` numbers in [0, 1), an image is mirrored where its number is below 1/2.
        padding: Int >= 0, zeros put around each image before a window of its own size is cut out.
        flip: Whether to mirror left and right.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        ValueError: If `images` has no four axes or `padding` is negative.
    """
    check_batch(images)
    padding = int_at_least("padding", padding)
    n, height, width, channels = images.shape
    rows = rng.integers(0, 2 * padding, size=(n, 1), endpoint=True) + np.arange(height)
    columns = rng.integers(0, 2 * padding, size=(n, 1), endpoint=True) + np.arange(width)
    if flip:
        columns = np.where(rng.random((n, 1)) < 0.5, columns[:, ::-1], columns)
    high, broad = height + 2 * padding, width + 2 * padding
    padded = np.zeros((n, high, broad, channels), images.dtype)
    padded[:, padding : padding + height, padding : padding + width] = images
    # Pixels taken out of one long list of them: a quarter of the time of an index for every axis.
    places = (np.arange(n)[:, None, None] * high + rows[:, :, None]) * broad + columns[:, None, :]
    return np.take(padded.reshape(n * high * broad, channels), places, 0)
