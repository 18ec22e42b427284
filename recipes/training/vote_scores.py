"""Scores of the distributions that a vote gives, batch by batch."""

from typing import Any

import numpy as np

from zoo.scores import RiskCoverage, brier, negative_log_likelihood, risk_coverage
from zoo.scores.calibration import Reliability, in_bins, mean_gap


class VoteScores:
    """Scores of distributions that come batch by batch and are not kept, as a thousand classes would not fit in memory.

    A model whose outputs are no distributions, or NaN, and labels that are none of its classes, have no scores.

    Args:
        floor: None, or a float in (0, 1): smaller probabilities of labels count as this one in the likelihood.
    """

    def __init__(self, floor: float | None = None) -> None:
        self.floor = floor
        self._sums, self._scorable = np.zeros(2), True
        self._confidence: list[np.ndarray] = []
        self._correct: list[np.ndarray] = []

    def add(self, shares: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> None:
        """Take in distributions `(batch, classes)`, their labels `(batch,)` and the classes voted for `(batch,)`."""
        try:
            means = negative_log_likelihood(shares, labels, self.floor), brier(shares, labels)
        except ValueError:
            self._scorable = False
            return
        self._sums += len(labels) * np.array(means)
        self._confidence.append(shares.max(axis=-1))
        self._correct.append(classes == labels)

    def as_row(self) -> dict[str, Any]:
        """Return `nll` in nats and its floor, `brier`, `ece` of 15 bins and `aurc`; None is not defined or infinite."""
        curves = self.curves()
        if curves is None:
            return dict.fromkeys(("nll", "nll_floor", "brier", "ece", "aurc"))
        reliability, curve = curves
        nll, squared = (float(total / len(curve.risk)) for total in self._sums)
        nll = nll if np.isfinite(nll) else None  # JSON has no infinity
        areas = {"ece": mean_gap(reliability), "aurc": float(curve.risk.mean())}
        return {"nll": nll, "nll_floor": self.floor, "brier": squared, **areas}

    def curves(self) -> tuple[Reliability, RiskCoverage] | None:
        """Return what a reliability diagram and a risk-coverage curve show; None if there are no scores."""
        if not self._scorable:
            return None
        confidence, correct = np.concatenate(self._confidence), np.concatenate(self._correct)
        return in_bins(confidence, correct), risk_coverage(confidence, correct)
