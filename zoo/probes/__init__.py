"""Probes: measure what any Keras model does to curves of inputs."""

from zoo.probes import gaussian_process
from zoo.probes.bits import binarize
from zoo.probes.bounds import length_growth, most_activation_patterns
from zoo.probes.curves import great_circle, line
from zoo.probes.dichotomies import dichotomies, labelings
from zoo.probes.hold import hold
from zoo.probes.nearest_flip import nearest_flip
from zoo.probes.random_flips import random_flips
from zoo.probes.record_trajectory import RecordTrajectory
from zoo.probes.refine import refine
from zoo.probes.trajectory import trajectory_lengths
from zoo.probes.transitions import activation_patterns, transitions

__all__ = [
    "RecordTrajectory",
    "activation_patterns",
    "binarize",
    "dichotomies",
    "gaussian_process",
    "great_circle",
    "hold",
    "labelings",
    "length_growth",
    "line",
    "most_activation_patterns",
    "nearest_flip",
    "random_flips",
    "refine",
    "trajectory_lengths",
    "transitions",
]
