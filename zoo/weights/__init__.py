"""Weights of a model as files: published, packed, folded."""
