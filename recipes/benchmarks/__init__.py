"""Ratios measured in one run: `python -m zoo.recipes.benchmarks.NAME`."""
