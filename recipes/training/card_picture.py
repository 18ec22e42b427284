"""The picture of a model card: accuracy by flips, or without coins the kernels of the first convolution."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.recipes.reporting.figure import figure
from zoo.recipes.reporting.votes import plot_accuracy


def draw_card_picture(row: dict[str, Any], model: keras.Model, path: Path) -> str:
    """Draw the picture of a manifest's row to a PNG.

    Args:
        row: Row of the manifest, with `measured`.
        model: The model with these weights.
        path: File to write.

    Returns:
        What it shows, in a sentence without a point.
    """
    title = f"{row['model']}, {row['weights']}"
    if any(one["samples"] > 1 for one in row["measured"]):
        plot_accuracy(row["measured"], path, title=title)
        return "Accuracy on the test images by number of flips, with 95 % Wilson intervals"
    layer = next(one for one in model.layers if len(getattr(getattr(one, "kernel", None), "shape", ())) == 4)
    with figure(path, title=title, figsize=(6, 1.9)) as (axes,):
        axes.imshow(_side_by_side(_kernels(layer)))
        axes.set_axis_off()
    return _caption(layer)


def _kernels(layer: keras.layers.Layer) -> np.ndarray:
    """Return the kernels of a convolution under its mask, if it has one, `(filters, height, width, 3)`."""
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    if hasattr(layer, "mask"):
        kernel = kernel * keras.ops.convert_to_numpy(layer.mask())
    kernel = np.moveaxis(kernel, -1, 0)
    return kernel if kernel.shape[-1] == 3 else np.repeat(kernel[..., :1], 3, axis=-1)


def _caption(layer: keras.layers.Layer) -> str:
    channels = layer.kernel.shape[2]
    shades = "light is above 0, dark below" if channels == 1 else f"the first of their {channels} channels"
    colours = "their channels as red, green and blue" if channels == 3 else shades
    pruned = ", and what the mask prunes" if hasattr(layer, "mask") else ""
    return f"Kernels of the first convolution, {colours}; grey is 0{pruned}"


def _side_by_side(kernels: np.ndarray, columns: int = 8) -> np.ndarray:
    """Return one image of the kernels, `columns` in a line with white between; grey is a weight of 0."""
    count, height, width, _ = kernels.shape
    lines = -(-count // columns)
    image = np.ones((lines * (height + 1) - 1, columns * (width + 1) - 1, 3))
    for place, kernel in enumerate(0.5 + 0.5 * kernels / np.abs(kernels).max()):
        top, left = (place // columns) * (height + 1), (place % columns) * (width + 1)
        image[top : top + height, left : left + width] = kernel
    return image
