"""Recipes that reproduce the papers, and the `zoo` command."""
