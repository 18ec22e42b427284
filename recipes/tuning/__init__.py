"""A search over recipes, in one folder."""
