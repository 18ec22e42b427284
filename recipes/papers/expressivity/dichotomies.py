"""Experiments on dichotomies: labelings that random networks reach as one layer's kernel goes around a great circle.

Remaining depth is the number of layers above the swept one, the readout included. If the first hidden layer is swept,
it is the number of hidden layers. A change is a label that differs between consecutive points of the sweep.

Ours, where the paper says nothing: inputs are 128 standard normal numbers, other ones for every population of networks.
"standard" has fewer points and networks, and only depths at which consecutive points are still close enough together.
"""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from zoo import probes
from zoo.layers.arguments import int_at_least, positive_float
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.expressivity import TITLE
from zoo.recipes.reporting.figure import figure, headline
from zoo.recipes.reporting.markdown import table, write
from zoo.recipes.reporting.mean_and_deviation import deviation, with_deviation
from zoo.recipes.reporting.rows import group_by
from zoo.recipes.reporting.style import graded
from zoo.recipes.reporting.sweep import sweep_table

_BATCH = 2048  # inputs times points, for every network of a population
_MOST_INPUTS = 62  # a labeling is the bits of an int64
_FEW = 0.1  # of all labelings, and changes per point: counts below are neither full nor skipped
_COMMON: Settings = {"sigma_w2": 8.0, "inputs": 15, "dim": 128, "points": 20_000, "networks": 5, "repetitions": 1}
_PAPER = {"points": 1_000_000, "networks": 10}
_SMOKE = {"inputs": 5, "dim": 10, "points": 200, "networks": 2}


def _first_layer(settings: Settings) -> list[Row]:
    return [
        {"width": width, "depth": depth, "remaining": depth}
        for width in settings["widths"]
        for depth in settings["depths"]
    ]


def _every_layer(settings: Settings) -> list[Row]:
    """Points: every hidden layer of the networks of each depth, the last one first."""
    return [
        {"width": settings["width"], "depth": depth, "remaining": remaining}
        for depth in settings["depths"]
        for remaining in range(1, depth + 1)
    ]


def _check(settings: Settings, data_dir: str | None) -> None:
    positive_float("sigma_w2", settings["sigma_w2"])
    if settings["inputs"] > _MOST_INPUTS:
        raise ValueError(f"`inputs` must be at most {_MOST_INPUTS}. Received: inputs={settings['inputs']!r}")
    int_at_least("points", settings["points"], minimum=2)


def _sweep(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    """Rows of one population, one per network; every point has another population and other inputs."""
    depth, remaining = point["depth"], point["remaining"]
    rng = np.random.default_rng([seed, point["width"], depth, remaining])
    inputs = rng.standard_normal((settings["inputs"], settings["dim"])).astype("float32")
    own, other = (int(word) for word in rng.integers(2**32, size=2))
    sizes = {"dim": settings["dim"], "width": point["width"], "depth": depth, "networks": settings["networks"]}
    model = zoo.build("random_mlp", sigma_w=math.sqrt(settings["sigma_w2"]), **sizes, seed=own)
    layer = f"hidden_{depth - remaining + 1}"
    labels = probes.labelings(model, inputs, layer, settings["points"], other, networks=True, batch_size=_BATCH)
    counts = zip(*_count(labels), strict=True)
    return [{"network": i, "dichotomies": met, "transitions": changes} for i, (met, changes) in enumerate(counts)]


def _count(pieces: Iterable[np.ndarray]) -> tuple[list[int], list[int]]:
    """Numbers of different labelings and of changes, per network, from labels `(piece, networks, inputs)`."""
    codes, changes, last = [], 0, None
    for labels in pieces:
        joined = labels if last is None else np.concatenate([last, labels])
        changes = changes + (joined[1:] != joined[:-1]).sum(axis=(0, 2))
        codes.append(labels @ (1 << np.arange(labels.shape[2])))
        last = labels[-1:]
    return [len(np.unique(one)) for one in np.concatenate(codes).T], np.asarray(changes).tolist()


def random_walk(inputs: int, steps: int, seed: int | Sequence[int]) -> np.ndarray:
    """Walk randomly over labelings, from one to the next by a change of one label.

    Args:
        inputs: Number of labels, in [1, 62].
        steps: Number of changes, each of a label chosen uniformly; >= 0.
        seed: Seed of NumPy's generator.

    Returns:
        Numbers of different labelings met after 0, 1, ..., `steps` changes, `(steps + 1,)`.
    """
    flips = np.random.default_rng(seed).integers(inputs, size=steps)
    path = np.bitwise_xor.accumulate(np.concatenate([[0], 1 << flips]))
    new = np.zeros(steps + 1, dtype=int)
    new[np.unique(path, return_index=True)[1]] = 1
    return np.cumsum(new)


def _report_depth_and_width(rows: list[Row], out: Path) -> None:
    tables = [
        _table(rows, "width"),
        _growth_table(rows, "remaining", "width"),
        _growth_table(rows, "width", "remaining", log=True),
    ]
    _write(rows, out, tables, [partial(_draw, rows, "remaining", "width"), partial(_draw, rows, "width", "remaining")])


def _report_layers(rows: list[Row], out: Path) -> None:
    tables = [_table(rows, "depth"), _growth_table(rows, "remaining", "depth")]
    _write(rows, out, tables, [partial(_draw, rows, "remaining", "depth")])


def _report_walk(rows: list[Row], out: Path) -> None:
    """Report the networks beside the mean of random walks of as many changes."""
    settings, steps = rows[0]["settings"], max(row["transitions"] for row in rows)
    walks = [random_walk(settings["inputs"], steps, [rows[0]["seed"], i]) for i in range(settings["walks"])]
    walk = np.mean(walks, axis=0)
    _write(rows, out, [_walk_table(rows, walk)], [partial(_draw_walk, rows, walk)])


def _table(rows: list[Row], series: str) -> str:
    named = [{**row, series: f"{series} {row[series]}"} for row in rows]
    return sweep_table(named, "remaining", "dichotomies", (series,))


def _growth_table(rows: list[Row], sweep: str, series: str, *, log: bool = False) -> str:
    """Table of slopes of log2 dichotomies, per layer or per doubling, fitted to the networks of unsaturated points."""
    from scipy.stats import linregress  # SciPy is slow to import

    lines = []
    for value, line in _by(rows, series).items():
        kept = {x: some for x, some in _by(line, sweep).items() if _unsaturated(some)}
        fit = ""
        if len(kept) > 1:
            x = [math.log2(row[sweep]) if log else row[sweep] for some in kept.values() for row in some]
            slope = linregress(x, [math.log2(row["dichotomies"]) for some in kept.values() for row in some])
            fit = f"{slope.slope:.3f} ± {slope.stderr:.2g}"
        lines.append([value, fit, ", ".join(map(str, kept))])
    caption = (
        f"Slope of log2 dichotomies against {'log2 ' if log else ''}{sweep}, ± standard error, where on average less "
        f"than {_FEW} of all labelings are met and less than {_FEW} labels change per point"
    )
    return table(caption, lines, [series, "slope", f"{sweep} fitted"])


def _unsaturated(rows: list[Row]) -> bool:
    met = np.mean([row["dichotomies"] for row in rows])
    return bool(met < _FEW * 2 ** rows[0]["settings"]["inputs"]) and _changes_per_point(rows) < _FEW


def _changes_per_point(rows: list[Row]) -> float:
    return float(np.mean([row["transitions"] for row in rows])) / (rows[0]["settings"]["points"] - 1)


def _walk_table(rows: list[Row], walk: np.ndarray) -> str:
    lines = []
    for width, line in _by(rows, "width").items():
        for depth, some in _by(line, "depth").items():
            met, changes = ([row[key] for row in some] for key in ("dichotomies", "transitions"))
            shares = [row["dichotomies"] / walk[row["transitions"]] for row in some]
            cells = [with_deviation(numbers) for numbers in (changes, met, shares)]
            lines.append([width, depth, *cells, f"{_changes_per_point(some):.2g}"])
    caption = (
        f"{rows[0]['recipe']}: mean ± standard deviation over networks; walk: {rows[0]['settings']['walks']} random "
        "walks of as many changes. Where many labels change per point, the sweep skips labelings the walk would meet"
    )
    heads = ["width", "depth", "transitions", "dichotomies", "dichotomies / walk", "changes per point"]
    return table(caption, lines, heads)


def _by(rows: list[Row], key: str) -> dict[Any, list[Row]]:
    """Value of the key -> its rows, in the order of the values."""
    return dict(sorted(group_by(rows, key).items()))


def _draw(rows: list[Row], sweep: str, series: str, axes) -> None:
    lines = _by(rows, series)
    for color, (value, line) in zip(graded(len(lines)), lines.items(), strict=True):
        counts = {x: [row["dichotomies"] for row in some] for x, some in _by(line, sweep).items()}
        spread = [deviation(some) for some in counts.values()]
        means = [np.mean(some) for some in counts.values()]
        axes.errorbar(
            list(counts), means, spread, marker="o", markersize=3, capsize=2, color=color, label=f"{series} {value}"
        )
    axes.set(xlabel={"remaining": "remaining layers", "width": "width of a layer, units"}[sweep])


def _draw_walk(rows: list[Row], walk: np.ndarray, axes) -> None:
    for width, line in _by(rows, "width").items():
        axes.plot(*([row[key] for row in line] for key in ("transitions", "dichotomies")), ".", label=f"width {width}")
    shown = np.unique(np.geomspace(1, len(walk) - 1, 200).astype(int)) if len(walk) > 1 else np.array([0])
    axes.plot(shown, walk[shown], color="black", linewidth=1, label="random walk")
    axes.set(xlabel="transitions", xscale="log")


def _write(rows: list[Row], out: Path, tables: list[str], panels: list) -> None:
    """Write `table.md`, and `figure.png` with both ceilings: all labelings, and the points of the sweep."""
    write(out / "table.md", *tables)
    settings, inputs = rows[0]["settings"], rows[0]["settings"]["inputs"]
    title = f"{headline(rows)}, $\\sigma_w^2 = {settings['sigma_w2']:g}$"
    with figure(out / "figure.png", len(panels), title, below=0.9, sharey=True) as all_axes:
        for axes, draw in zip(all_axes, panels, strict=True):
            draw(axes)
            axes.axhline(2**inputs, color="black", linestyle="--", linewidth=1, label=f"all, $2^{{{inputs}}}$")
            if settings["points"] < 2**inputs:
                axes.axhline(settings["points"], color="grey", linestyle=":", label="points of the sweep")
            axes.set(yscale="log", ylabel="unique dichotomies")
            if axes.get_xscale() == "linear":
                axes.xaxis.get_major_locator().set_params(integer=True)
            axes.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.2))  # below: lines cross all of the axes


def _add(number: int, section: str, *, settings: Settings, smoke: Settings, paper: Settings, points, report) -> None:
    by_budget = budgets({**_COMMON, **settings}, smoke={**_SMOKE, **smoke}, paper={**_PAPER, **paper})
    source = f"{TITLE}, {section}, Fig. {number}"
    register(
        f"expressivity-fig{number}", Experiment(source, by_budget, points, run=_sweep, report=report, prepare=_check)
    )


_add(
    4,
    "section 2.4",
    settings={"widths": [16, 32, 64, 128, 256], "depths": [2, 4, 6, 8, 10, 12]},
    smoke={"widths": [4, 8], "depths": [1, 3]},
    paper={"widths": [8, 32, 128, 512], "depths": list(range(2, 19, 2))},
    points=_first_layer,
    report=_report_depth_and_width,
)
_add(
    5,
    "section 2.4",
    settings={"width": 128, "depths": [4, 8, 12]},
    smoke={"width": 8, "depths": [1, 2]},
    paper={"depths": [4, 8, 12, 16]},
    points=_every_layer,
    report=_report_layers,
)
_add(
    10,
    "appendix D.1",
    settings={
        **{"sigma_w2": 16.0, "points": 100_000, "networks": 3, "walks": 10},
        **{"widths": [8, 32, 128], "depths": [1, 2, 3, 4, 6, 8, 10, 12]},
    },
    smoke={"widths": [4, 8], "depths": [1, 2], "walks": 2},
    paper={"widths": [8, 32, 128, 512], "depths": list(range(1, 17))},
    points=_first_layer,
    report=_report_walk,
)
