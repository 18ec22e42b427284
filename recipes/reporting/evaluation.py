"""Evaluation: what was measured of a model, for those who draw or write it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from zoo.amplification.election import AdaptiveVote
from zoo.data.lazy_images import LazyImages
from zoo.recipes.reporting.rows import Rows
from zoo.recipes.reporting.votes import Measured


class Evaluation(NamedTuple):
    """What was measured of a model.

    Attributes:
        rows: Result lines, at least one.
        curves: Lines with the curves of their scores, as `plot_scores` takes them.
        x: The examples.
        labels: Class indices `(examples,)`.
        names: Names of all classes.
        flips: Classes of the flips `(examples, flips)`; None where nothing was flipped.
        adaptive: Adaptive vote, or None.
        weights: Name or path of the model's weights, or "".
    """

    rows: Rows
    curves: Measured
    x: np.ndarray | LazyImages
    labels: np.ndarray
    names: Sequence[str]
    flips: np.ndarray | None = None
    adaptive: AdaptiveVote | None = None
    weights: str = ""
