"""Scores: how good a classifier's probabilities are, and how honest. NumPy in, numbers out; no model is known here."""

from zoo.scores.calibration import Reliability, expected_calibration_error, reliability
from zoo.scores.likelihood import negative_log_likelihood
from zoo.scores.plots import plot_reliability, plot_risk_coverage
from zoo.scores.ranks import auroc
from zoo.scores.selection import RiskCoverage, area_under_risk_coverage, risk_coverage
from zoo.scores.share_right import accuracy
from zoo.scores.squared_error import brier

__all__ = [
    "Reliability",
    "RiskCoverage",
    "accuracy",
    "area_under_risk_coverage",
    "auroc",
    "brier",
    "expected_calibration_error",
    "negative_log_likelihood",
    "plot_reliability",
    "plot_risk_coverage",
    "reliability",
    "risk_coverage",
]
