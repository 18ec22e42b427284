"""Bit strings: vectors of -1 and 1."""

import numpy as np
from numpy.typing import ArrayLike

from zoo.layers.arguments import as_numbers, finite_float, finite_numbers


def binarize(images: ArrayLike, threshold: float = 25) -> np.ndarray:
    """Bit strings of images: 1 where a pixel is above the threshold and -1 elsewhere, rows flattened.

    Args:
        images: Array `(images, ...)`, pixels in [0, 255].
        threshold: Float.

    Returns:
        float32 array `(images, pixels)`.

    Raises:
        ValueError: If `threshold` is not a finite number, or `images` holds anything but finite numbers or no pixels.

    Reference: Random deep neural networks are biased towards simple functions, section 4.3.

    Example:
        >>> probes.binarize([[0, 25], [26, 255]])
        array([[-1., -1.],
               [ 1.,  1.]], dtype=float32)
    """
    pixels = finite_numbers("images", images)
    if pixels.ndim < 2 or not pixels.size:
        raise ValueError(f"`images` must be of shape (images, ...). Received: images of shape {pixels.shape}")
    above = pixels.reshape(len(pixels), -1) > finite_float("threshold", threshold)
    return np.where(above, 1, -1).astype("float32")


def check_bits(x: ArrayLike, shape: tuple[int, ...], networks: int | None = None) -> np.ndarray:
    """Return the strings as float32 `(strings, bits)`, or with `networks` `(strings, networks, bits)`.

    Args:
        x: Strings `(strings, *shape)`; of a population also `(strings, networks, *shape)`, each network's own.
        shape: Shape of one of the model's inputs.
        networks: Number of networks of a population, or None.

    Raises:
        ValueError: If `x` is not of that shape, is empty or holds anything but -1 and 1.
    """
    bits = as_numbers("x", x)
    own = networks is not None and bits.shape[1:] == (networks, *shape)
    if not own and bits.shape[1:] != tuple(shape):
        wanted = f"(strings, {', '.join(map(str, shape))})"
        wanted += "" if networks is None else f" or (strings, {networks}, {', '.join(map(str, shape))})"
        raise ValueError(f"`x` must be of shape {wanted}. Received: x of shape {bits.shape}")
    if not bits.size or not (np.abs(bits) == 1).all():
        found = ", ".join(map(str, np.unique(bits)[:5])) or "nothing"
        raise ValueError(f"`x` must be strings of -1 and 1. Received: {found}")
    bits = bits.astype("float32")
    if networks is None:
        return bits.reshape(len(bits), -1)
    if not own:
        bits = np.repeat(bits[:, None], networks, axis=1)
    return bits.reshape(len(bits), networks, -1)
