"""The `zoo` command, and the papers reproduced."""

if __name__ == "recipes":  # a checkout on sys.path: its registries would be second copies
    raise ImportError("Import zoo.recipes, not recipes.")
