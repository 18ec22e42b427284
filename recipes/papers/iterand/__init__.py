"""Pruning Randomly Initialized Neural Networks with Iterative Randomization, with edge-popup."""
