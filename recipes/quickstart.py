"""Quickstart: train a coin-flipping ResNet on handwritten digits, amplify it, export it, load it elsewhere."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from zoo.recipes.reporting.results import append_results
from zoo.recipes.reporting.votes import plot_accuracy, report
from zoo.recipes.training.evaluate import evaluate
from zoo.recipes.training.recipe import find
from zoo.recipes.training.train import train

# Depth 8 and 5 flips in training: 25 flips of ResNet-20 take minutes on two cores.
SETTINGS = {"options.depth": 8, "options.samples": 5, "epochs": 15, "samples": [1]}
_CURVE = (1, 2, 3, 5, 8, 13, 25, 50, 100)

# Runs in a process of its own, which has TensorFlow and NumPy and nothing of ours.
_CLIENT = """
import sys
import numpy, tensorflow as tf
served = tf.saved_model.load(sys.argv[1])
data = numpy.load(sys.argv[2])
images, labels = tf.constant(data["x"]), data["y"]
for samples in (1, 25, 100):
    votes = served.vote(images, tf.constant(samples)).numpy()
    print(f"  vote of {samples:3d} flips: {(votes.argmax(1) == labels).sum()} of {len(labels)} right")
counts = served.vote(images[:1], tf.constant(100)).numpy()[0] * 100
print(f"  a {labels[0]} got these votes out of 100:", counts.round().astype(int).tolist())
ours = sorted(set(sys.modules) & {"zoo", "layers", "recipes"})
print(f"  modules of ours in this process: {ours or 'none'}")
sys.exit(bool(ours))
"""


def quickstart(out: str | Path = "quickstart", *, seed: int = 0) -> list[dict[str, Any]]:
    """Train, amplify, draw and export in the folder `out`, then vote in another process.

    Writes a run as `train` does, `accuracy.png` and `saved_model/`. Two to three minutes on two cores, no network.

    Args:
        out: Folder; it must not hold a run.
        seed: Seed of the run.

    Returns:
        The result lines of the table.

    Raises:
        ValueError: If `out` holds a run.
        RuntimeError: If the exported model does not vote in the other process.
    """
    out = Path(out)
    recipe = find("resnet20_cfnn_digits").replace({**SETTINGS, "seed": seed})
    print(
        f"Training {recipe.model} (depth 8, {recipe.options['samples']} flips) on 1,797 handwritten digits", flush=True
    )
    train(recipe, out)
    data = zoo.data.load(recipe.data)
    model = zoo.build(
        recipe.model,
        weights=out / "last.weights.h5",
        seed=seed,
        input_shape=data.input_shape,
        classes=data.classes,
        **recipe.options,
    )
    rows = evaluate(model, data.test, _CURVE, recipe=recipe.name, data=recipe.data, seed=seed)
    append_results(out / "results.jsonl", rows)
    table = [row for row in rows if _in_table(row)]
    print(f"\nTest accuracy, seed {seed}\n\n{report(table)}\n")
    plot_accuracy(rows, out / "accuracy.png", "resnet20_cfnn (depth 8) on digits")
    zoo.export(model, out / "saved_model")
    print(f"Drawn: {out / 'accuracy.png'}. Exported: {out / 'saved_model'}. Loaded in another process:", flush=True)
    _vote_elsewhere(out / "saved_model", data.test)
    return table


def _in_table(row: dict[str, Any]) -> bool:
    wanted = {"majority": (1, 5, 25, 100), "mean": (25,), "expected": (1,)}
    return row["samples"] in wanted[row["vote"]]


def _vote_elsewhere(saved_model: Path, split: zoo.data.Split) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        np.savez(Path(scratch) / "test.npz", x=split.x, y=split.y)
        arguments = [str(saved_model.resolve()), str(Path(scratch) / "test.npz")]
        done = subprocess.run([sys.executable, "-c", _CLIENT, *arguments], cwd=scratch, check=False)
    if done.returncode:
        raise RuntimeError("The exported model did not vote in another process")
