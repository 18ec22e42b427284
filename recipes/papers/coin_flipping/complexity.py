"""Plane of data complexity and random complexity (section 4.1, Fig. 3) with models of the zoo on it."""

from pathlib import Path

import zoo
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.coin_flipping import TITLE
from zoo.recipes.reporting.figure import figure, headline
from zoo.recipes.reporting.markdown import table, write
from zoo.recipes.reporting.rows import group_by

_MARKERS = "osD^v<>pPX*hd8" * 4  # a model has one, because points of several models coincide
_SETTINGS: Settings = {
    "models": [
        "ball_cfnn",
        "tangent_cfnn",
        "cone_cfnn",
        "stochastic_mlp",
        "hypernet_cfnn",
        "hypernet_deterministic",
        "resnet20_cfnn",
        "resnet20_dropout",
        "conv6",
    ],
    "dims": [2, 10, 100],
    "repetitions": 1,
}


def _points(settings: Settings) -> list[Row]:
    """Points: every model, at every dimension if it has one."""
    sized = {name: "dim" in zoo.registry.find(name).options for name in settings["models"]}
    return [
        {"model": name, "dim": dim}
        for name in settings["models"]
        for dim in (settings["dims"] if sized[name] else [None])
    ]


def _count(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    """Numbers of neurons behind the data and behind the coins, of a model as it is built by default."""
    options = {} if point["dim"] is None else {"dim": point["dim"]}
    found = zoo.complexity(zoo.build(point["model"], seed=seed, **options))
    return [{"data_complexity": found.data, "random_complexity": found.random}]


def _report(rows: list[Row], out: Path) -> None:
    """Write the counts as a table, and draw the plane with a line through the dimensions of each model."""
    lines = [(row["model"], row["dim"] or "", row["data_complexity"], row["random_complexity"]) for row in rows]
    write(out / "table.md", table("Neurons", lines, ["model", "dim", "data", "random"]))
    with figure(out / "figure.png", title=headline(rows), figsize=(5.8, 4.8)) as (axes,):
        for marker, (name, some) in zip(_MARKERS, group_by(rows, "model").items(), strict=False):
            points = [(row["data_complexity"], row["random_complexity"]) for row in some]
            axes.plot(*zip(*points, strict=True), marker=marker, markerfacecolor="none", markersize=7, label=name)
        axes.set(xscale="symlog", yscale="symlog", xlim=(0, None), ylim=(-0.1, None))
        axes.set(xlabel="data complexity (neurons)", ylabel="random complexity (neurons)")
        axes.figure.legend(title="model", loc="outside lower center", ncols=3)


register(
    "complexity",
    Experiment(
        f"{TITLE}, section 4.1, Fig. 3",
        budgets(_SETTINGS, smoke={"models": ["ball_cfnn", "cone_cfnn"]}),
        points=_points,
        run=_count,
        report=_report,
        choices={"models": tuple(zoo.list_models())},
    ),
)
