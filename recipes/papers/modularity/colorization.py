"""Examples of colorization: a grey image and the features of a pixel, and the colour of the pixel."""

import numpy as np

from zoo.data.augmentation import check_batch

_POWERS = 10
FEATURES = 2 + 4 * _POWERS
_LUMA = np.array([0.299, 0.587, 0.114], "float32")  # ITU-R BT.601, the usual grey of an RGB image


def pixel_features(rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Compute 42 features of pixels: coordinates i1, i2 and i1^k + i2, i2^k + i1, i1^k - i2, i2^k - i1 for k = 0..9.

    Coordinates run from -1 to 1 (ours: the paper gives no scale, and 31^9 is out of all proportion).

    Args:
        rows: `(n,)` ints in [0, height).
        columns: `(n,)` ints in [0, width).
        size: Height and width of the image, both >= 2.

    Returns:
        `(n, 42)` float32: i1, i2, then the four sums of k = 0, of k = 1, ...

    Reference: On the Modularity of Hypernetworks, appendix 7.3.
    """
    i1, i2 = (2 * np.asarray(c, "float32") / (n - 1) - 1 for c, n in zip((rows, columns), size, strict=True))
    sums = [(i1**k + i2, i2**k + i1, i1**k - i2, i2**k - i1) for k in range(_POWERS)]
    return np.stack([i1, i2, *(feature for four in sums for feature in four)], axis=1).astype("float32")


def grey(images: np.ndarray) -> np.ndarray:
    """Turn RGB images `(n, h, w, 3)` in [0, 255] into flat grey ones, `(n, h * w)` float32 in [-1, 1].

    Raises:
        ValueError: If `images` do not have four axes, or not three channels.
    """
    check_batch(images)
    if images.shape[-1] != 3:
        raise ValueError(f"`images` must have 3 channels, red, green and blue. Received: images.shape={images.shape}")
    return np.concatenate([_scaled(images[i : i + 1000] @ _LUMA) for i in range(0, len(images), 1000)])


def random_pixels(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Choose one pixel of every image, uniformly.

    Args:
        images: `(n, h, w, c)` in [0, 255].
        rng: Generator of the n rows, then the n columns.

    Returns:
        Features `(n, 42)` and colours `(n, c)` in [-1, 1].

    Raises:
        ValueError: If `images` do not have four axes.
    """
    check_batch(images)
    n, height, width, _ = images.shape
    rows, columns = rng.integers(0, height, n), rng.integers(0, width, n)
    colours = images[np.arange(n), rows, columns].astype("float32") / 127.5 - 1
    return pixel_features(rows, columns, (height, width)), colours


def _scaled(luma: np.ndarray) -> np.ndarray:
    return (luma / 127.5 - 1).astype("float32").reshape(len(luma), -1)
