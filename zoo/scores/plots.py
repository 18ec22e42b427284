"""Pictures of scores, drawn with Matplotlib on axes of the caller's."""

from typing import TYPE_CHECKING

import numpy as np

from zoo.scores.calibration import Reliability, mean_gap
from zoo.scores.selection import RiskCoverage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DOT = 300  # area in points of a dot that holds all examples


def plot_reliability(reliability: Reliability, ax: "Axes | None" = None, label: str = "accuracy") -> "Axes":
    """Draw a reliability diagram: accuracy in each bin of the top probability, and the diagonal of honest ones.

    A dot stands at a bin's mean probability and accuracy, its area the share of examples: its distance from the
    diagonal is the bin's part in the expected calibration error, which the legend names.

    Args:
        reliability: What `reliability` returns.
        ax: Axes of Matplotlib; None is those of a new figure.
        label: Name in the legend.

    Returns:
        The axes.

    Raises:
        ValueError: If `reliability` is something else.

    Reference: Guo et al., On Calibration of Modern Neural Networks (2017), section 2 and Fig. 1.

    Example:
        >>> import matplotlib; matplotlib.use("Agg")
        >>> found = scores.reliability([[0.9, 0.1], [0.4, 0.6]], [0, 0])
        >>> scores.plot_reliability(found).get_xlabel()
        'top probability'
    """
    if not isinstance(reliability, Reliability):
        raise ValueError(f"`reliability` must be a Reliability. Received: reliability={reliability!r}")
    axes, kept = _axes(ax), reliability.counts > 0
    edges, counts, confidence, accuracy = reliability
    named = f"{label}, ECE {100 * mean_gap(reliability):.2f} %"
    bars = axes.bar(
        edges[:-1][kept], accuracy[kept], np.diff(edges)[kept], align="edge", alpha=0.3, edgecolor="white", label=named
    )
    color = bars.patches[0].get_facecolor()[:3]
    sizes = 10 + _DOT * counts[kept] / counts.sum()
    axes.scatter(confidence[kept], accuracy[kept], sizes, [color], clip_on=False)  # many lie at the edge
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="top probability", ylabel="accuracy (area of a dot: examples)")
    axes.legend(loc="upper left")
    return axes


def plot_risk_coverage(curve: RiskCoverage, ax: "Axes | None" = None, label: str = "risk") -> "Axes":
    """Draw a risk-coverage curve; the legend names the area under it.

    Args:
        curve: What `risk_coverage` returns.
        ax: Axes of Matplotlib, which may have other curves; None is those of a new figure.
        label: Name in the legend.

    Returns:
        The axes.

    Raises:
        ValueError: If `curve` is something else.

    Reference: El-Yaniv and Wiener, On the Foundations of Noise-free Selective Classification (2010).

    Example:
        >>> import matplotlib; matplotlib.use("Agg")
        >>> curve = scores.risk_coverage([0.9, 0.8, 0.5], [True, True, False])
        >>> scores.plot_risk_coverage(curve, label="majority of 25").get_legend().get_texts()[0].get_text()
        'majority of 25, AURC 0.1111'
    """
    if not isinstance(curve, RiskCoverage):
        raise ValueError(f"`curve` must be a RiskCoverage. Received: curve={curve!r}")
    axes = _axes(ax)
    axes.plot(curve.coverage, curve.risk, label=f"{label}, AURC {curve.risk.mean():.4f}")
    axes.set(xlabel="coverage: share of answers that are given", ylabel="risk: share of these that are wrong")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left")
    return axes


def _axes(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    from matplotlib import pyplot  # it is slow to import

    return pyplot.subplots()[1]
