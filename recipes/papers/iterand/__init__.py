"""Pruning Randomly Initialized Neural Networks with Iterative Randomization: IteRand against edge-popup and SGD."""

TITLE = "Pruning Randomly Initialized Neural Networks with Iterative Randomization"
