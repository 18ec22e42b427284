"""Probes: measure what any Keras model does to curves of inputs."""

from zoo.probes.curves import great_circle, line
from zoo.probes.trajectory import trajectory_lengths

__all__ = ["great_circle", "line", "trajectory_lengths"]
