"""How many flips an adaptive vote took: histogram, and the images at both ends."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.amplification.election import CERTIFIED, SETTLED, STATUSES, TIED, UNDECIDED, AdaptiveVote
from zoo.data.lazy_images import LazyImages
from zoo.recipes.reporting.by_certainty import both_ends, by_certainty
from zoo.recipes.reporting.figure import figure, whole_ticks
from zoo.recipes.reporting.thumbnails import thumbnails

_COLOURS = {CERTIFIED: "C0", TIED: "C4", SETTLED: "C2", UNDECIDED: "C1"}
_BINS, _SHOWN = 24, 6


def draw_flips_needed(axes, found: AdaptiveVote) -> None:
    """Draw the histogram of flips on axes, its bars stacked by status."""
    low, high = found.samples.min(), found.samples.max()
    edges = np.unique(np.geomspace(low, high + 1, _BINS + 1).round().astype(int)) - 0.5  # bins of whole numbers
    present = [status for status in STATUSES if (found.status == status).any()]
    axes.hist(
        [found.samples[found.status == status] for status in present],
        edges,
        stacked=True,
        color=[_COLOURS[status] for status in present],
        label=[f"{status}, {100 * (found.status == status).mean():.1f} %" for status in present],
    )
    axes.set(xscale="log", xlabel="flips of an example", ylabel="examples")
    whole_ticks(axes)
    axes.legend(loc="upper right")


def plot_flips_needed(
    found: AdaptiveVote,
    x: np.ndarray | LazyImages,
    labels: np.ndarray,
    path: str | Path,
    names: Sequence[str],
) -> None:
    """Draw the histogram and under it the least and the most certain images, if examples are images, to a PNG.

    Args:
        found: What `zoo.adaptive_vote` found, one class per example.
        x: The examples.
        labels: Class indices `(examples,)`.
        path: File to write.
        names: Names of the classes.
    """
    least, most = both_ends(by_certainty(found), _SHOWN)
    ends = {"least certain": least, "most certain": most}
    shown = {name: thumbnails(x, rows) for name, rows in ends.items()}
    drawn = {name: images for name, images in shown.items() if images is not None}
    ratios = {"height_ratios": [3] + [1.2] * len(drawn)}
    with figure(Path(path), rows=1 + len(drawn), figsize=(7.2, 3.2 + 2 * len(drawn)), gridspec_kw=ratios) as all_axes:
        draw_flips_needed(all_axes[0], found)
        for axes, (name, images) in zip(all_axes[1:], drawn.items(), strict=True):
            for place, (row, image) in enumerate(zip(ends[name], images, strict=True)):
                axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(place + 0.05, place + 0.95, 0, 0.9))
                voted, true = (names[int(one[row])] for one in (found.classes, labels))
                text = voted if voted == true else f"{voted}, not {true}"
                axes.text(place + 0.5, -0.08, f"{text}\n{found.samples[row]} flips", ha="center", va="top", fontsize=9)
            axes.set(xlim=(0, _SHOWN), ylim=(-0.55, 0.9), title=name)
            axes.axis("off")
