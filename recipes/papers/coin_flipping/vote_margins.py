"""Randomness of a trained model (Figs. 7 to 9): margin of the true class over all others, sorted over images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.amplification.amplified import coins_off
from zoo.amplification.coin_graph import has_coins
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.coin_flipping import TITLE
from zoo.recipes.papers.coin_flipping.coin_models import (
    SETTINGS,
    SPLITS,
    Loaded,
    drawn_classes,
    examples,
    points,
    prepare,
    reseeded,
)
from zoo.recipes.reporting.figure import figure, name_y
from zoo.recipes.reporting.flip_statistics import margins
from zoo.recipes.reporting.markdown import table, write
from zoo.recipes.reporting.rows import group_by
from zoo.scores.wilson_interval import wilson

_POINTS = 201  # of a curve that are kept
_SETTINGS: Settings = {**SETTINGS, "splits": ["train", "test"], "flips": 100}


def _run(settings: Settings, point: Row, seed: int, loaded: dict[str, Loaded]) -> list[Row]:
    """Curve with coins on, and the step of the same network with coins off."""
    one = loaded[point["model"]]
    split = examples(one, point["split"], settings["examples"])
    model = reseeded(one, point["model"], seed)
    drawn = {"on": drawn_classes(model, split, settings["flips"])} if has_coins(model) else {}
    plain = coins_off(model).predict(split.x, verbose=0).argmax(-1)[:, None]
    drawn["off" if drawn else "none"] = plain
    classes = one.data.classes
    return [{"coins": coins, "data": one.name, **_curve(flips, split.y, classes)} for coins, flips in drawn.items()]


def _curve(flips: np.ndarray, labels: np.ndarray, classes: int) -> Row:
    delta = np.sort(margins(flips, labels, classes))[::-1]
    correct, n = int((delta > 0).sum()), len(delta)
    found = wilson(correct, n)
    kept = delta[np.linspace(0, n - 1, _POINTS).round().astype(int)]
    return {
        "samples": flips.shape[1],
        "accuracy": 100 * correct / n,
        "low": found.low,
        "high": found.high,
        "correct": correct,
        "n": n,
        "ties": float(100 * (delta == 0).mean()),
        "agreed": float(100 * (np.abs(delta) == 1).mean()),
        "median": float(np.median(delta)),
        "margins": [round(float(value), 6) for value in kept],
    }


def _report(rows: Sequence[Row], out: Path) -> None:
    """Write a line per curve, and draw the curves with axes per model and a colour per split."""
    heads = ["model", "data", "split", "coins", "flips", "repetition", "accuracy, %", "95 % interval", "correct"]
    heads += ["ties, %", "all flips agree, %", "median margin"]
    lines = [
        [
            *(row[key] for key in ("model", "data", "split", "coins", "samples", "repetition")),
            f"{row['accuracy']:.2f}",
            f"{100 * row['low']:.2f} - {100 * row['high']:.2f}",
            f"{row['correct']} of {row['n']}",
            f"{row['ties']:.2f}",
            f"{row['agreed']:.2f}",
            f"{row['median']:.3f}",
        ]
        for row in rows
    ]
    caption = (
        "cfnn-delta: margin of the true class, its share of the flips less the largest of another class. Accuracy: "
        "share of images above 0, with Wilson's interval."
    )
    write(out / "table.md", table(caption, lines, heads))
    models = group_by(rows, "model")
    with figure(out / "figure.png", len(models), sharey=True) as all_axes:
        for axes, (model, some) in zip(all_axes, models.items(), strict=True):
            _draw(axes, some)
            axes.set(title=model, xlabel="share of images, sorted by margin, %")
        name_y(all_axes, "margin of the true class, share of flips")


def _draw(axes, rows: Sequence[Row]) -> None:
    colours = {split: f"C{place}" for place, split in enumerate(SPLITS)}
    labelled = set()
    for row in rows:
        label = f"{row['split']}, coins {row['coins']}"
        look = {"color": colours[row["split"]], "linestyle": "-" if row["coins"] == "on" else "--"}
        axes.plot(np.linspace(0, 100, _POINTS), row["margins"], label=None if label in labelled else label, **look)
        labelled.add(label)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.legend()


register(
    "cfnn-delta",
    Experiment(
        f"{TITLE}, appendices D to F, Figs. 7 to 9",
        budgets(
            _SETTINGS,
            smoke={"flips": 5, "examples": 40},
            paper={"models": ["hypernet_cfnn:cifar10", "hypernet_deterministic:cifar10"]},
        ),
        points=points,
        run=_run,
        report=_report,
        prepare=prepare,
        choices={"splits": SPLITS},
        data="that of the models",
    ),
)
