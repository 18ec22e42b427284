"""SavedModels beside published weights, for who has TensorFlow and nothing of ours.

`python -m zoo.recipes.training.shipped_saved_model` writes those of all published weights.
"""

import shutil
from pathlib import Path
from typing import Any

import keras

import zoo
from zoo.amplification.coin_graph import has_coins
from zoo.weights import pretrained

FOLDER = "saved_model"  # beside the weights
LIMIT = 2_000_000  # bytes of all its files: a repository keeps every version that ever lay in it


def with_saved_model(row: dict[str, Any], model: keras.Model, folder: Path) -> dict[str, Any]:
    """Write the SavedModel of a coin-flipping model beside its weights, and name its files in the manifest's row.

    Args:
        row: Row of the manifest.
        model: The model with these weights.
        folder: The folder of the manifest.

    Returns:
        The row, with the SHA-256 of every file as `saved_model`; without it where the model flips no coins, or where
        the files take 2 MB or more and are not kept.
    """
    row = {key: value for key, value in row.items() if key != FOLDER}
    if not has_coins(model):
        return row
    path = (folder / row["file"]).parent / FOLDER
    zoo.export(model, path, overwrite=True)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    if sum(file.stat().st_size for file in files) >= LIMIT:
        shutil.rmtree(path)
        return row
    return row | {FOLDER: {file.relative_to(path).as_posix(): pretrained.sha256(file) for file in files}}


def main() -> None:
    """Write the SavedModels of all published weights, and the manifest that names them."""
    folder, rows = pretrained.folder(), pretrained.manifest()
    built = (zoo.build(row["model"], weights=row["weights"], seed=row["seed"]) for row in rows)
    rows = [with_saved_model(row, model, folder) for row, model in zip(rows, built, strict=True)]
    pretrained.write_manifest(rows, folder)


if __name__ == "__main__":
    main()
