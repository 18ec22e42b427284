"""Random deep neural networks are biased towards simple functions."""
