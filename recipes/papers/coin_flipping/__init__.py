"""Coin-Flipping Neural Networks: votes of networks that flip coins, constructed and trained."""

TITLE = "Coin-Flipping Neural Networks"
