"""Tables and figures of the five papers: the command that reproduces each, and how much of it was run."""

import json
from typing import Any, NamedTuple

from zoo.recipes.experiments.committed import Committed, committed, fixed, rows_of
from zoo.recipes.experiments.experiment import Settings, find, resolve
from zoo.recipes.reporting.text_table import aligned


class Place(NamedTuple):
    """Table or figure of a paper, and the way to reproduce it.

    Attributes:
        name: Name in the paper.
        experiment: Experiment that reproduces it, or None.
        settings: Settings that select it.
        note: Remark; the reason if there is no experiment.
        shortened: Whether the weights it measures had a shorter or another training than the paper's, whatever the
            settings.
    """

    name: str
    experiment: str | None
    settings: Settings = {}  # noqa: RUF012 -- never changed
    note: str = ""
    shortened: bool = False


_OWN = "weights of one's own: a run's folder for FOLDER"
_SHIPPED = "shipped weights, of the paper's 200 epochs with a fiftieth of its weight decay"
_FLAGSHIP = "shipped weights, of 163 epochs; the paper's of 200"
_DEPTH6 = "the shipped pair of depth 6; runs of 200 and of 40 epochs, whose coins died; `frozen` of these"
_DRAWING = "a drawing"
PLACES: dict[str, list[Place]] = {
    "Coin-Flipping Neural Networks": [
        Place("Fig. 1", "ball"),
        Place("Fig. 2", None, note=f"{_DRAWING}; the construction is `cones`"),
        Place("Fig. 3", "complexity"),
        Place("Fig. 4", None, note=f"{_DRAWING} of `hypernet_cfnn`"),
        Place("Fig. 6", "ball", {"model": "tangent_cfnn", "dim": 2}, note="the construction that it draws"),
        Place("Fig. 7", "cfnn-delta", {"models": ["FOLDER"]}, _OWN),
        Place(
            "Fig. 8a", "cfnn-delta", {"models": ["hypernet_cfnn:cifar10"], "splits": ["test"]}, _SHIPPED, shortened=True
        ),
        Place("Fig. 8b", "cfnn-delta", {"models": ["FOLDER"], "splits": ["test"]}, _OWN),
        Place(
            "Fig. 9a",
            "cfnn-delta",
            {"models": ["resnet20_cfnn:cifar10"], "splits": ["test"]},
            _FLAGSHIP,
            shortened=True,
        ),
        Place("Fig. 9b", "cfnn-delta", {"models": ["FOLDER"], "splits": ["test"]}, _OWN),
        Place("Fig. 10a", "cfnn-flips", {"models": ["hypernet_cfnn:cifar10"]}, _SHIPPED, shortened=True),
        Place("Fig. 10c", "cfnn-flips", {"models": ["resnet20_cfnn:cifar10"]}, _FLAGSHIP, shortened=True),
        Place("Fig. 10b and d", "cfnn-flips", {"models": ["FOLDER"]}, _OWN),
        Place("Tables 1, 2 and 4, CIFAR-10", "hypernet-depth", note=_DEPTH6, shortened=True),
        Place("Tables 1, 2 and 4, CIFAR-100", "hypernet-depth", {"data": "cifar100"}),
        Place("Table 3, CIFAR-10", "cfnn-table3"),
        Place("Table 3, CIFAR-100", "cfnn-table3", {"data": "cifar100"}),
    ],
    "On the Modularity of Hypernetworks": [
        Place("Fig. 1a", "modularity-synthetic-depth"),
        Place("Fig. 1b", "modularity-synthetic-embedding"),
        Place("Fig. 2, MNIST", "modularity-assumption1"),
        Place("Fig. 2, CIFAR-10", "modularity-assumption1", {"data": "cifar10"}),
        Place("Fig. 2, uniform", "modularity-assumption1", {"data": "uniform"}),
        Place("Fig. 3, MNIST", "modularity-rotation-depth"),
        Place("Fig. 3, CIFAR-10", "modularity-rotation-depth", {"data": "cifar10"}),
        *(Place(f"Fig. 4, depth, type {n}", "modularity-synthetic-depth", {"type": n}) for n in (2, 3)),
        *(Place(f"Fig. 4, embedding, type {n}", "modularity-synthetic-embedding", {"type": n}) for n in (2, 3)),
        Place("Fig. 5, MNIST", "modularity-rotation-embedding"),
        Place("Fig. 5, CIFAR-10", "modularity-rotation-embedding", {"data": "cifar10"}),
        Place("Fig. 6", "modularity-colorization"),
        Place("Fig. 7, MNIST", "modularity-learning-rate"),
        Place("Fig. 7, CIFAR-10", "modularity-learning-rate", {"data": "cifar10"}),
        Place("Fig. 8, MNIST", "modularity-assumption2"),
        Place("Fig. 8, Fashion-MNIST", "modularity-assumption2", {"data": "fashion_mnist"}),
    ],
    "On the Expressive Power of Deep Neural Networks": [
        *(Place(f"Fig. {n}", f"expressivity-fig{n}") for n in range(1, 13)),
        Place("Table 1", None, note="a list of the paper's results, no numbers"),
    ],
    "Random deep neural networks are biased towards simple functions": [
        *(Place(f"Fig. {n}", f"simplicity-fig{n}") for n in range(1, 5)),
        Place("Table 1 (supplement)", "simplicity-table1"),
    ],
    "Pruning Randomly Initialized Neural Networks with Iterative Randomization": [
        Place("Fig. 1", "iterand-rate"),
        Place("Fig. 2 and Table 3", "iterand-table3", note="iterand/results has three cells by `zoo train`, 30 epochs"),
        Place("Fig. 3a and Table 4", "iterand-table4"),
        Place("Fig. 3b", "iterand-curves"),
        Place("Fig. 4", "iterand-period"),
        Place("Tables 1 and 2", None, note="architectures; `zoo show conv6`, `zoo show resnet18`"),
    ],
}


class Covered(NamedTuple):
    """Numbers of a place's cells: all, those with committed rows, and those whose rows have the paper's settings."""

    cells: int
    run: int
    as_published: int


def covered(place: Place, kept: list[Committed]) -> Covered:
    """Count a place's cells: the points of the budget "paper" under the settings of the place."""
    if place.experiment is None:
        return Covered(0, 0, 0)
    experiment = find(place.experiment)
    settings = resolve(experiment, "paper", place.settings)
    points = experiment.points(settings)
    chosen = {key: settings[key] for key in ("data", "type", "model", "dim") if key in settings}
    rows = [
        row
        for one in kept
        for row in one.rows
        if row["recipe"] == place.experiment and chosen.items() <= row["settings"].items()
    ]
    exact = [row for row in rows if fixed(row["settings"]) == fixed(settings) and not place.shortened]
    return Covered(len(points), *(sum(bool(rows_of(point, some)) for point in points) for some in (rows, exact)))


def coverage() -> str:
    """Text with a table per paper: place, command, cells run of all; outside a checkout without what was run."""
    kept = committed()
    heads = ["place", "command", *(["run", "at the paper's settings"] if kept else ["cells"]), "note"]
    tables = []
    for title, places in PLACES.items():
        lines = []
        for place in places:
            cells, run, exact = covered(place, kept)
            counts = [f"{run} of {cells}", f"{exact} of {cells}"] if kept else [str(cells)]
            counts = counts if place.experiment else ["-"] * len(counts)
            lines.append([place.name, command(place), *counts, place.note])
        tables.append(f"{title}\n\n{aligned(lines, heads)}")
    note = (
        "A cell is a point of the experiment: a cell of a table, a value of a curve. It was run if a committed row has "
        "it, in any budget: often with fewer epochs or images than the paper, which the next column does not count. "
        "Neither column counts repetitions. Commands take --out and, for images, --data-dir."
    )
    return "\n\n".join([*tables, note])


def command(place: Place) -> str:
    """Command of a place, at the paper's budget; "none" without an experiment."""
    if place.experiment is None:
        return "none"
    words = [f"--set {key}={_value(value)}" for key, value in place.settings.items()]
    return " ".join([f"zoo reproduce {place.experiment} --budget paper", *words])


def _value(value: Any) -> str:
    return f"'{json.dumps(value)}'" if isinstance(value, list) else str(value)
