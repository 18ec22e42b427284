"""Coin-Flipping Neural Networks."""
