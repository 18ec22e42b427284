"""Augmentation of image batches: random shifts, random windows, mirroring."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

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


def resized_crop_and_flip(
    images: np.ndarray, rng: np.random.Generator, padding: int = 4, on_device: bool = False
) -> Any:
    """Cut a window out of every image with zeros around it, resize it bilinearly and mirror half of them.

    Pixels are taken at their centres and without antialiasing; nothing outside a window enters it.

    Args:
        images: `(n, h, w, c)`, ints or floats.
        rng: Draws `(n, DRAWS)` numbers in [0, 1), see `random_windows` and `mirrored`.
        padding: Int >= 0, zeros put around each image.
        on_device: Whether the pixels, not the draws, are computed in a compiled function of JAX.

    Returns:
        A new array of the same shape and dtype; ints are rounded. From JAX, whose compiler sums otherwise, a rounded
        pixel may be the next number.

    Raises:
        ValueError: If `images` has no four axes or another dtype, or `padding` is negative.

    Reference: IteRand's released code on CIFAR-10: Pad(4), RandomResizedCrop(32), RandomHorizontalFlip.
    """
    check_batch(images)
    if images.dtype.kind not in "uif":
        raise ValueError(f"`images` must be ints or floats. Received: images.dtype={images.dtype}")
    padding = int_at_least("padding", padding)
    n, height, width, _ = images.shape
    draws = rng.random((n, DRAWS))
    top, left, tall, wide = random_windows(draws, height + 2 * padding, width + 2 * padding)
    rows, columns = _places(top, tall, height), _places(left, wide, width, mirrored(draws))
    return (
        _compiled(_resize, padding)(images, rows, columns) if on_device else _resize(np, padding, images, rows, columns)
    )


def crop_and_flip(
    images: np.ndarray, rng: np.random.Generator, padding: int = 4, flip: bool = True, on_device: bool = False
) -> Any:
    """Shift every image by up to `padding` pixels either way, filling with zeros, and mirror half of them.

    Args:
        images: `(n, h, w, c)`, any dtype.
        rng: Draws the `n` vertical offsets, then the `n` horizontal ones, both uniform in [0, 2 * padding]; then
            `n` numbers in [0, 1), an image is mirrored where its number is below 1/2.
        padding: Int >= 0, zeros put around each image before a window of its own size is cut out.
        flip: Whether to mirror left and right.
        on_device: Whether the pixels, not the draws, are moved in a compiled function of JAX.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        ValueError: If `images` has no four axes or `padding` is negative.
    """
    check_batch(images)
    padding = int_at_least("padding", padding)
    n, height, width, _ = images.shape
    rows = rng.integers(0, 2 * padding, size=(n, 1), endpoint=True) + np.arange(height)
    columns = rng.integers(0, 2 * padding, size=(n, 1), endpoint=True) + np.arange(width)
    if flip:
        columns = np.where(rng.random((n, 1)) < 0.5, columns[:, ::-1], columns)
    crop = _compiled(_crop, padding) if on_device else functools.partial(_crop, np, padding)
    return crop(images, rows, columns)


def check_batch(images: Any) -> None:
    """Raise a `ValueError` unless this is a batch of images, `(n, h, w, c)`."""
    if images.ndim != 4:
        raise ValueError(f"`images` must have shape (n, h, w, c). Received: images.shape={images.shape}")


class _Places(NamedTuple):
    """Pixels on either side of each of `size` places, and the share of the second, each `(n, size)`."""

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray


def _places(start: np.ndarray, extent: np.ndarray, size: int, backwards: Any = False) -> _Places:
    """Places of `size` pixels on image i's `extent[i]` pixels from `start[i]` on."""
    place = np.clip((np.arange(size) + 0.5) * (extent[:, None] / size) - 0.5, 0, extent[:, None] - 1)
    place = np.where(np.reshape(backwards, (-1, 1)), place[:, ::-1], place)
    below = place.astype(np.int64)
    first = start[:, None] + below
    return _Places(first, first + (below < extent[:, None] - 1), place - below)


# `xp` is NumPy, or jax.numpy in a compiled function: the same lines for both.


def _crop(xp: Any, padding: int, images: Any, rows: Any, columns: Any) -> Any:
    """Pixels of padded images at rows `(n, h)` and columns `(n, w)`."""
    padded = _padded(xp, padding, images)
    n, high, broad, channels = padded.shape
    # Pixels taken out of one long list of them: a quarter of the time of an index for every axis.
    places = (xp.arange(n)[:, None, None] * high + rows[:, :, None]) * broad + columns[:, None, :]
    return xp.take(padded.reshape(n * high * broad, channels), places, axis=0)


def _resize(xp: Any, padding: int, images: Any, rows: _Places, columns: _Places) -> Any:
    """Pixels of padded images between rows and columns."""
    padded = _padded(xp, padding, images)
    n, high, broad, channels = padded.shape
    found = _blend(xp, padded.reshape(n, 1, high, broad * channels), rows)
    found = _blend(xp, found.reshape(n, found.shape[2], broad, channels), columns)
    return (xp.rint(found) if images.dtype.kind in "ui" else found).astype(images.dtype)


def _padded(xp: Any, padding: int, images: Any) -> Any:
    return xp.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0))) if padding else images


def _blend(xp: Any, x: Any, places: _Places) -> Any:
    """`(n, k, size, m)` from `(n, k, l, m)`: bilinear along l."""
    n, k, length, m = x.shape
    size = places.share.shape[1]
    # Rows of m numbers taken out of one long list of them: several times faster than an index for every axis.
    pixels, row = x.reshape(n * k * length, m), xp.arange(n * k).reshape(n, k, 1) * length
    # A share for every number of a row, or NumPy would multiply three numbers at a time.
    share = xp.repeat(places.share.astype(np.result_type(x.dtype, np.float32)), m, axis=-1)[:, None]
    first, second = (
        xp.take(pixels, row + one[:, None], axis=0).reshape(n, k, size * m) for one in (places.first, places.second)
    )
    return (first * (1 - share) + second * share).reshape(n, k, size, m)


@functools.cache
def _compiled(function: Callable[..., Any], padding: int) -> Callable[..., Any]:
    """The function as one of JAX."""
    import jax  # only where it is the backend
    from jax import numpy

    return jax.jit(functools.partial(function, numpy, padding))
