"""Split: images and their labels."""

from typing import NamedTuple

import numpy as np

from zoo.data.lazy_images import LazyImages


class Split(NamedTuple):
    """Images and their labels.

    Attributes:
        x: `(n, h, w, c)` uint8 in [0, 255]; float32 in [0, 255] where an .npz file holds floats; `LazyImages` where
            the images are read from disk when they are asked for.
        y: `(n,)` int64, classes from 0.
    """

    x: np.ndarray | LazyImages
    y: np.ndarray
