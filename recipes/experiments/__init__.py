"""Experiments: many runs, and the table and figure made of them."""
