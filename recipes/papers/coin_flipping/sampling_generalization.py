"""Sampling generalization (Fig. 10): accuracy of the vote against the number of flips, from one pass of flips."""

from collections.abc import Sequence
from pathlib import Path

from zoo.layers.arguments import int_at_least
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.coin_flipping import TITLE
from zoo.recipes.papers.coin_flipping.coin_models import (
    SETTINGS,
    SPLITS,
    Loaded,
    drawn_classes,
    examples,
    only_with_coins,
    points,
    reseeded,
)
from zoo.recipes.reporting.figure import figure, whole_ticks
from zoo.recipes.reporting.flip_statistics import accuracy_by_flips
from zoo.recipes.reporting.markdown import table, write

_NUMBERS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
_SETTINGS: Settings = {**SETTINGS, "splits": ["test"], "flips": 200, "shuffles": 100}


def _check(settings: Settings, data_dir: str | None) -> dict[str, Loaded]:
    int_at_least("flips", settings["flips"], minimum=2)  # they are cut in halves
    return only_with_coins(settings, data_dir)


def _run(settings: Settings, point: Row, seed: int, loaded: dict[str, Loaded]) -> list[Row]:
    """Accuracies of the majority of up to half of the flips."""
    one = loaded[point["model"]]
    split = examples(one, point["split"], settings["examples"])
    flips = drawn_classes(reseeded(one, point["model"], seed), split, settings["flips"])
    numbers = [n for n in _NUMBERS if n <= settings["flips"] // 2]
    shuffled = {"shuffles": settings["shuffles"], "seed": seed}
    found = accuracy_by_flips(flips, split.y, one.data.classes, numbers, **shuffled)
    percent = {key: [100 * value for value in values] for key, values in found._asdict().items()}
    return [{"data": one.name, "n": len(split.y), "samples": numbers, **percent}]


def _report(rows: Sequence[Row], out: Path) -> None:
    """Write a column per model and split and a line per number of flips; bands are one deviation over the flips."""
    lines = [
        [n, *(_cell(row, n) for row in rows)] for n in sorted({number for row in rows for number in row["samples"]})
    ]
    caption = (
        "cfnn-flips: accuracy in % of the majority of n flips, ± standard deviation over the flips, the images fixed; "
        f"{rows[0]['settings']['flips']} flips per image."
    )
    write(out / "table.md", table(caption, lines, ["flips", *(_label(row) for row in rows)]))
    with figure(out / "figure.png", figsize=(6, 4)) as (axes,):
        for row in rows:
            mean, deviations = row["accuracy"], row["deviation"]
            (drawn,) = axes.plot(row["samples"], mean, marker="o", markersize=3, label=_label(row))
            low, high = ([m + sign * d for m, d in zip(mean, deviations, strict=True)] for sign in (-1, 1))
            axes.fill_between(row["samples"], low, high, color=drawn.get_color(), alpha=0.2, linewidth=0)
        axes.set(xscale="log", xlabel="flips", ylabel="accuracy, % (band: standard deviation over flips)")
        whole_ticks(axes)
        axes.legend(title="model, data, split (images)", loc="lower right")


def _label(row: Row) -> str:
    again = f", repetition {row['repetition']}" if row["repetition"] else ""
    return f"{row['model']}, {row['data']}, {row['split']} ({row['n']}){again}"


def _cell(row: Row, number: int) -> str:
    if number not in row["samples"]:
        return ""
    place = row["samples"].index(number)
    return f"{row['accuracy'][place]:.2f} ± {row['deviation'][place]:.2f}"


register(
    "cfnn-flips",
    Experiment(
        f"{TITLE}, section 5.3 and appendix G, Fig. 10",
        budgets(
            _SETTINGS,
            smoke={"flips": 6, "examples": 40, "shuffles": 3},
            paper={"models": ["hypernet_cfnn:cifar10"], "flips": 400},
        ),
        points=points,
        run=_run,
        report=_report,
        prepare=_check,
        choices={"splits": SPLITS},
        data="that of the models",
    ),
)
