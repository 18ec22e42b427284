"""The picture at the head of README.md: `python docs/hero.py` draws `docs/_static/hero.png`, in a minute on one core.

Accuracy against the number of flips, an image on which the flips agree and one on which they do not, and random weights
under a mask before and after pruned ones are drawn anew.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from zoo.recipes.reporting.figure import figure

PATH = Path(__file__).parent / "_static" / "hero.png"
FLIPS = (1, 2, 3, 5, 9, 15, 25, 51, 101)
_LINE, _CHOSEN, _OTHERS = "C0", "C1", "#b8b8b8"  # C0 and C1 are the style's first colours


def main() -> None:
    """Draw the picture."""
    model = zoo.build("resnet20_cfnn", weights="digits", seed=0)
    test = zoo.data.load("digits").test
    found = zoo.uncertainty(model, test.x, samples=101, seed=0)
    with figure(PATH, figsize=(7.2, 6.4)) as (axes,):
        drawing = axes.figure
        axes.remove()
        grid = drawing.add_gridspec(2, 4, height_ratios=(1, 1.05))
        _draw_accuracy(drawing.add_subplot(grid[0, :2]), zoo.random_accuracy(model, test.x, test.y, FLIPS, seed=0))
        shares = found.votes.max(-1)
        decided = int(np.flatnonzero((shares == 1) & (test.y == 3))[0])
        for place, which, title in ((2, decided, "decided"), (3, int(shares.argmin()), "undecided")):
            _draw_votes(grid[0, place], test.x[which], found.votes[which], title)
        _draw_masks([drawing.add_subplot(grid[1, :2]), drawing.add_subplot(grid[1, 2:])])


def _draw_accuracy(axes: Any, found: list) -> None:
    axes.fill_between(
        FLIPS, [100 * one.low for one in found], [100 * one.high for one in found], color=_LINE, alpha=0.18, linewidth=0
    )
    axes.plot(FLIPS, [100 * one.accuracy for one in found], color=_LINE, marker="o", markersize=4)
    axes.set(xscale="log", xlabel="flips", ylabel="test accuracy, %", title="digits; band: 95 % interval")
    axes.set_xticks([1, 5, 25, 101], ["1", "5", "25", "101"])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)


def _draw_votes(place: Any, image: np.ndarray, votes: np.ndarray, title: str) -> None:
    above, below = place.subgridspec(2, 1, height_ratios=(1, 1)).subplots()
    above.imshow(image[:, :, 0], cmap="gray_r")
    above.set_axis_off()
    above.set_title(title)
    below.bar(range(10), 100 * votes, color=[_CHOSEN if one == votes.argmax() else _OTHERS for one in range(10)])
    below.set(xticks=range(0, 10, 3), yticks=(0, 50, 100), ylim=(0, 105), xlabel="class", ylabel="votes, %")
    below.spines[["top", "right"]].set_visible(False)


def _draw_masks(places: list[Any]) -> None:
    """Draw a layer's weights: kept ones in colour, pruned ones pale; those that a redraw changed have a frame."""
    layer = zoo.layers.ScoreMaskedDense(18, kernel_initializer="kaiming_uniform", seed=1)
    model = keras.Sequential([keras.Input((18,)), layer])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    before = keras.ops.convert_to_numpy(layer.kernel).copy()
    redraw = zoo.layers.RandomizePruned(period=1, rate=0.3, seed=0)
    model.fit(np.zeros((1, 18)), np.zeros((1, 18)), callbacks=[redraw], verbose=0)
    after, mask = (keras.ops.convert_to_numpy(x) for x in (layer.kernel, layer.mask()))
    kept = np.asarray(mask, bool)
    largest = np.abs(before).max()
    labels = ("random weights; pale: pruned by the mask", "later; framed: pruned and drawn anew")
    for axes, kernel, label in zip(places, (before, after), labels, strict=True):
        axes.imshow(kernel, cmap="RdBu_r", vmin=-largest, vmax=largest, alpha=np.where(kept, 1.0, 0.22))
        rows, columns = np.nonzero(kernel != before)
        axes.scatter(columns, rows, marker="s", s=74, facecolors="none", edgecolors="black", linewidths=1)
        axes.set(xticks=(), yticks=(), title=label)


if __name__ == "__main__":
    main()
