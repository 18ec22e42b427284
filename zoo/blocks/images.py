"""Image inputs: what builders of image models have in common."""

from typing import Any


def check_images(input_shape: Any, classes: Any) -> None:
    """Raise a `ValueError` unless these are images from 8x8x1 up and at least two classes."""
    sizes = tuple(input_shape) if isinstance(input_shape, tuple | list) else ()
    if len(sizes) != 3 or any(not isinstance(n, int) for n in sizes) or min(sizes[:2]) < 8 or sizes[2] < 1:
        raise ValueError(f"`input_shape` must be (height, width, channels) from (8, 8, 1) up. Received: {input_shape}")
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(f"`classes` must be an int >= 2. Received: classes={classes!r}")
