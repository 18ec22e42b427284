"""Probes: measure what any Keras model does to curves of inputs."""

from zoo.probes import gaussian_process
from zoo.probes.bounds import length_growth, most_activation_patterns
from zoo.probes.curves import great_circle, line
from zoo.probes.dichotomies import dichotomies
from zoo.probes.trajectory import trajectory_lengths
from zoo.probes.transitions import activation_patterns, transitions

__all__ = [
    "activation_patterns",
    "dichotomies",
    "gaussian_process",
    "great_circle",
    "length_growth",
    "line",
    "most_activation_patterns",
    "trajectory_lengths",
    "transitions",
]
