"""Evaluate a model under every vote: result lines with Wilson intervals."""

import time
from collections.abc import Sequence
from typing import Any

import keras

import zoo
from recipes.results import environment
from zoo.amplification import VOTES
from zoo.coin_graph import has_coins
from zoo.data import Split


def evaluate(
    model: keras.Model,
    split: Split,
    samples: Sequence[int],
    votes: Sequence[str] | None = None,
    *,
    recipe: str = "",
    data: str = "",
    split_name: str = "test",
    seed: int | None = None,
) -> list[dict[str, Any]]:
    """Random accuracy of a model for each vote and number of flips (coins off: once).

    Args:
        model: A model of the zoo; one without coins has its accuracy as a single line, vote "none".
        split: Images `(n, h, w, c)` and labels `(n,)`.
        samples: Numbers of flips, each >= 1.
        votes: Of `"majority"`, `"mean"` and `"expected"`; None is all of them.
        recipe: Name of the recipe, for the result lines.
        data: Name of the data set, likewise.
        split_name: Name of the split, likewise.
        seed: Seed of the model, likewise.

    Returns:
        One dict per vote and number of flips, ready to be written as a JSON line.

    Raises:
        ValueError: If the split is empty or has NaN, or an argument is outside its range.
    """
    common = {"recipe": recipe, "model": model.name, "data": data, "split": split_name}
    rows, coins = [], has_coins(model)
    for vote in votes or (VOTES if coins else ("expected",)):
        started = time.monotonic()
        wanted = [1] if vote == "expected" else sorted(samples)
        results = zoo.random_accuracy(model, split.x, split.y, wanted, vote)
        seconds = round(time.monotonic() - started, 3)
        for n, result in zip(wanted, results, strict=True):
            measured = {**result._asdict(), "seed": seed, "seconds": seconds}
            rows.append({**common, "samples": n, "vote": vote if coins else "none", **measured, **environment()})
    return rows
