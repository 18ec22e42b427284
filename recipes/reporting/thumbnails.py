"""Images as a page or a figure shows them."""

import io
from collections.abc import Sequence

import numpy as np

from zoo.data.lazy_images import LazyImages

_LARGEST = 160  # pixels of the longer side


def thumbnails(x: np.ndarray | LazyImages, rows: Sequence[int] | np.ndarray) -> list[np.ndarray] | None:
    """Return some examples as grey or RGB images of at most 160 pixels; None if examples are no images.

    Args:
        x: `(n, h, w, 1)` or `(n, h, w, 3)`, pixels in [0, 255].
        rows: Indices of the examples.

    Returns:
        Arrays `(h, w)` or `(h, w, 3)`, uint8.
    """
    from PIL import Image  # only who shows images needs Pillow

    if len(x.shape) != 4 or x.shape[-1] not in (1, 3):
        return None
    shown = []
    for pixels in np.clip(np.rint(x[np.asarray(rows)]), 0, 255).astype(np.uint8):
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        image.thumbnail((_LARGEST, _LARGEST))
        shown.append(np.asarray(image))
    return shown


def as_png(image: np.ndarray) -> bytes:
    """Return the PNG file of an image `(h, w)` or `(h, w, 3)`."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, format="png", optimize=True)
    return file.getvalue()
