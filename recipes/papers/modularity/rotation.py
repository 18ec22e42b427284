"""Examples of rotation prediction: rotated images, and the classes of their angles."""

import numpy as np

from zoo.data.augmentation import check_batch
from zoo.layers.arguments import one_of, positive_int

READINGS = ("paper", "code")

_CHUNK = 512  # images whose pixel positions are in memory at once


def rotate(images: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Turn every image about its centre by its own angle, counter-clockwise.

    A pixel takes the value of the nearest pixel that it comes from, or 0 if that lies outside. The size stays.

    Args:
        images: `(n, h, w, c)`, any dtype.
        degrees: `(n,)`, any finite numbers.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        ValueError: If `images` has no four axes, or `degrees` is not one finite number per image.
    """
    check_batch(images)
    degrees = np.asarray(degrees, "float64")
    if degrees.shape != (len(images),) or not np.isfinite(degrees).all():
        raise ValueError(
            f"`degrees` must be one finite number per image, {len(images)}. Received: shape {degrees.shape}"
        )
    turned = np.empty_like(images)
    for start in range(0, len(images), _CHUNK):
        part = slice(start, start + _CHUNK)
        turned[part] = _rotate(images[part], np.deg2rad(degrees[part]))
    return turned


def _rotate(images: np.ndarray, radians: np.ndarray) -> np.ndarray:
    n, height, width, channels = images.shape
    middle = (height - 1) / 2, (width - 1) / 2
    down = (np.arange(height) - middle[0])[:, None]
    right = (np.arange(width) - middle[1])[None, :]
    cos, sin = (f(radians)[:, None, None] for f in (np.cos, np.sin))
    rows = _nearest(cos * down + sin * right + middle[0])
    columns = _nearest(cos * right - sin * down + middle[1])
    outside = (rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)
    source = rows * width + columns
    source[outside] = 0
    source += height * width * np.arange(n)[:, None, None]
    turned = images.reshape(-1, channels).take(source.reshape(-1), axis=0).reshape(images.shape)
    turned[outside] = 0
    return turned


def _nearest(position: np.ndarray) -> np.ndarray:
    # Multiples of 90 degrees come within 1e-14 of whole numbers and of halves: the same side for all of them.
    return np.floor(position + (0.5 + 1e-9)).astype("int64")


def angle_class(degrees: np.ndarray, classes: int = 12, reading: str = "paper") -> np.ndarray:
    """Class of every angle: the nearest multiple of 360 / classes, the smaller of two equally near ones.

    Args:
        degrees: `(n,)` in [0, 360).
        classes: Positive int that divides 360.
        reading: "paper" measures distance around the circle; of 12 classes, 345 to 360 degrees are class 0 again.
            "code" is the released code's `argmin |degrees - 30 i|`, where they are class 11.

    Returns:
        `(n,)` int64 in [0, classes).

    Raises:
        ValueError: If an argument is out of range.

    Reference: On the Modularity of Hypernetworks, section 5.
    """
    step = check_classes(classes)
    one_of("reading", reading, READINGS)
    degrees = np.asarray(degrees, "float64")
    if not ((degrees >= 0) & (degrees < 360)).all():
        raise ValueError(f"`degrees` must be in [0, 360). Received: {degrees.min()} to {degrees.max()}")
    distance = np.abs(degrees[:, None] - step * np.arange(classes))
    if reading == "paper":
        distance = np.minimum(distance, 360 - distance)
    return distance.argmin(axis=1)


def check_classes(classes: int) -> float:
    """Degrees between two classes.

    Raises:
        ValueError: If `classes` does not divide 360.
    """
    if 360 % positive_int("classes", classes):
        raise ValueError(f"`classes` must divide 360. Received: classes={classes!r}")
    return 360 / classes
