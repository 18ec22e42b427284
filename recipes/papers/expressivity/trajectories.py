"""Image of a trajectory in every layer of random hard-tanh networks: its length and its sign transitions (Figs. 1, 2).

The trajectory is a quarter of a circle between two random orthogonal vectors of length sqrt(k), the length of vectors
of k standard normal numbers. Inputs have k dimensions, and layers k units. Points are added until at most a share
`tolerance` of any layer's saturation transitions may be missed; between those transitions the image is smooth. `change`
is the largest relative change of a length if every other point is left out.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
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

_PAPER = f"{TITLE}, section 2.2"
_OUTPUTS = 2**20  # of a layer that are evaluated at once
_SETTINGS: Settings = {
    "networks": 10,
    "points": 4097,
    "most_points": 2**16,
    "tolerance": 0.05,
    "repetitions": 1,
}
_MILLION = {"points": 1_000_001, "most_points": 2**22}
_SMOKE = {"depth": 3, "networks": 2, "widths": [8, 16], "sigma_w2s": [4.0], "tolerance": 0.05}
_LENGTHS = {
    **_SETTINGS,
    "tolerance": 0.3,  # lengths do not need every transition
    "depth": 10,
    "widths": [4, 8, 16, 32, 64, 128],
    "sigma_w2s": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
}
_TRANSITIONS = {**_SETTINGS, "depth": 8, "widths": [8, 32, 128], "sigma_w2s": [2.0, 8.0, 32.0]}


def _points(settings: Settings) -> list[Row]:
    return [{"width": k, "sigma_w2": variance} for variance in settings["sigma_w2s"] for k in settings["widths"]]


def _check(settings: Settings, data_dir: str | None) -> None:
    for width in settings["widths"]:
        int_at_least("widths", width, minimum=2)  # there are two orthogonal vectors
    int_at_least("depth", settings["depth"], minimum=2)
    for variance in settings["sigma_w2s"]:
        positive_float("sigma_w2s", variance)


def _population(settings: Settings, point: Row, seed: int) -> tuple[keras.Model, Callable[[np.ndarray], np.ndarray]]:
    """Networks with as many outputs as hidden units, and the curve; `sigma_w2` only scales the weights."""
    k = point["width"]
    sizes = {"dim": k, "width": k, "outputs": k, "depth": settings["depth"], "networks": settings["networks"]}
    model = zoo.build("random_mlp", **sizes, sigma_w=math.sqrt(point["sigma_w2"]), seed=seed)
    x0, x1 = math.sqrt(k) * np.linalg.qr(np.random.default_rng([seed, k]).normal(size=(k, 2)))[0].T
    return model, lambda t: probes.great_circle(x0, x1, t)


def _layers(settings: Settings) -> list[str]:
    return [f"hidden_{layer}" for layer in range(1, settings["depth"] + 1)]


def _lengths(settings: Settings, point: Row, seed: int, prepared: None, *, count: bool = False) -> list[Row]:
    """Rows, one per network: lengths in all hidden layers; with `count`, sign changes per unit of the layer above."""
    model, curve = _population(settings, point, seed)
    hidden = _layers(settings)
    probed = [*hidden, "readout"] if count else hidden
    options = {"networks": True, "batch_size": max(_OUTPUTS // (settings["networks"] * point["width"]), 16)}
    sampling = {key: settings[key] for key in ("tolerance", "points", "most_points")}
    t = probes.refine(model, curve, probed, "saturation", **sampling, batch_size=options["batch_size"])
    fine, coarse = (
        _by_network(probes.trajectory_lengths(model, curve(part), hidden, **options)) for part in (t, t[::2])
    )
    change = (np.abs(fine - coarse) / np.where(fine > 0, fine, 1)).max(axis=1)
    rows = [
        {
            "network": i,
            "lengths": lengths.tolist(),
            "growth": [float(b / a) if a else math.nan for a, b in itertools.pairwise(lengths)],
            "points": len(t),
            "change": float(change[i]),
        }
        for i, lengths in enumerate(fine)
    ]
    if count:
        found = _by_network(probes.transitions(model, curve(t), probed[1:], **options)) / point["width"]
        rows = [{**row, "transitions": numbers.tolist()} for row, numbers in zip(rows, found, strict=True)]
    return rows


def _by_network(found: dict[str, np.ndarray]) -> np.ndarray:
    """Numbers `(networks, layers)` from layer -> numbers `(networks,)`."""
    return np.stack(list(found.values()), axis=1)


def _values(rows: Sequence[Row], key: str) -> list:
    return sorted({row[key] for row in rows})


def _at(rows: Iterable[Row], width: int, variance: float) -> list[Row]:
    return [row for row in rows if (row["width"], row["sigma_w2"]) == (width, variance)]


def _mean(rows: Sequence[Row], key: str) -> np.ndarray:
    """Mean over networks, one number per layer."""
    return np.mean([row[key] for row in rows], axis=0)


def slope(lengths: Sequence[float]) -> float:
    """Geometric mean of the growth per layer, from layer depth // 2 to the last; NaN if the last length is 0."""
    first = len(lengths) // 2
    if not lengths[-1]:
        return math.nan
    return (lengths[-1] / lengths[first - 1]) ** (1 / (len(lengths) - first))


def printed_base(width: int, sigma_w: float) -> float:
    """Base of the growth as Theorem 1 prints it for networks without biases, with its constant at 1.

    The proof drops constants to reach it, so it is an order of growth and no bound.
    """
    return math.sqrt(sigma_w * width / (sigma_w + width))


def _slopes(rows: Iterable[Row]) -> list[float]:
    """Slopes of the networks in which the trajectory has not become a point."""
    return [found for row in rows if not math.isnan(found := slope(row["lengths"]))]


def _growth_report(rows: list[Row], out: Path) -> None:
    """Write growth beside its bounds as a table, and draw the paper's four panels."""
    depth = rows[0]["settings"]["depth"]
    caption = (
        f"Growth of trajectory length per layer, from layer {depth // 2} to layer {depth}: geometric mean over these "
        "layers, its mean ± standard deviation over networks. `lower bound`, `upper bound`: those of the proof, the "
        "lower one before its last estimates. `printed base`: sqrt(sigma_w k / (sigma_w + k)), which Theorem 1 gives "
        "as an order of growth, O(...), without its constant. `networks`: of how many; in the others the trajectory "
        "has become a point. `change`: the largest relative change of a length if every other point is left out."
    )
    lines = [_growth_line(part) for part in _groups(rows)]
    headers = ["k", "sigma_w2", "growth", "lower bound", "upper bound", "within", "printed base", "growth / base"]
    headers += ["networks", "points", "change"]
    write(out / "table.md", table(caption, lines, headers))
    _draw_growth(rows, out / "figure.png")


def _growth_line(rows: list[Row]) -> list:
    k, variance, found = rows[0]["width"], rows[0]["sigma_w2"], _slopes(rows)
    bounds = probes.length_growth(k, math.sqrt(variance))
    base = printed_base(k, math.sqrt(variance))
    measured = ["", f"{bounds.lower:.4g}", f"{bounds.upper:.4g}", "", f"{base:.4g}", ""]
    if found:
        mean = float(np.mean(found))
        measured[0] = with_deviation(found)
        measured[3] = "yes" if bounds.lower <= mean <= bounds.upper else "no"
        measured[5] = f"{mean / base:.3f}"
    change = max(row["change"] for row in rows)
    networks = f"{len(found)} of {len(rows)}"
    return [k, f"{variance:g}", *measured, networks, rows[0]["points"], f"{change:.2g}"]


def _draw_growth(rows: list[Row], path: Path) -> None:
    widths, variances = _values(rows, "width"), _values(rows, "sigma_w2")
    width, variance = widths[len(widths) // 2], variances[len(variances) // 2]
    with figure(path, 2, headline(rows), rows=2) as (a, b, c, d):
        for color, k in zip(graded(len(widths)), widths, strict=True):
            _draw_lengths(a, _at(rows, k, variance), label=f"k = {k}", color=color)
        for color, one in zip(graded(len(variances)), variances, strict=True):
            _draw_lengths(b, _at(rows, width, one), label=f"$\\sigma_w^2$ = {one:g}", color=color)
        a.set(title=f"(a) $\\sigma_w^2$ = {variance:g}")
        b.set(title=f"(b) k = {width}")
        for ax in (a, b):
            ax.set(xlabel="layer", ylabel="trajectory length", yscale="log")
        for color, one in enumerate(_some(variances)):
            label = f"$\\sigma_w^2$ = {one:g}"
            _draw_slopes(c, widths, [_at(rows, k, one) for k in widths], label=label, color=f"C{color}")
        for color, k in enumerate(_some(widths)):
            _draw_slopes(d, variances, [_at(rows, k, one) for one in variances], label=f"k = {k}", color=f"C{color}")
        c.set(
            title="(c) dashed: bounds, dotted: printed base",
            xlabel="width k, units",
            xscale="log",
            ylabel="growth per layer, factor",
        )
        d.set(
            title="(d) dashed: bounds, dotted: printed base",
            xlabel=r"$\sigma_w^2$",
            xscale="log",
            ylabel="growth per layer, factor",
        )
        for ax in (a, b, c, d):
            ax.legend(fontsize="small")


def _some(values: list) -> list:
    """First, middle and last of the values, or all of fewer than three."""
    return [values[i] for i in sorted({0, len(values) // 2, len(values) - 1})]


def _draw_lengths(axes, rows: list[Row], **look: Any) -> None:
    if rows:
        mean = _mean(rows, "lengths")
        axes.plot(range(1, len(mean) + 1), mean, marker="o", markersize=3, **look)


def _draw_slopes(axes, x: list, groups: list[list[Row]], *, label: str, color: str) -> None:
    found = [(value, rows, _slopes(rows)) for value, rows in zip(x, groups, strict=True)]
    found = [(value, rows, numbers) for value, rows, numbers in found if numbers]
    values = [value for value, *_ in found]
    means = [np.mean(numbers) for *_, numbers in found]
    spreads = [deviation(numbers) for *_, numbers in found]
    axes.errorbar(values, means, spreads, marker="o", markersize=3, color=color, label=label)
    bounds = [probes.length_growth(rows[0]["width"], math.sqrt(rows[0]["sigma_w2"])) for _, rows, _ in found]
    axes.plot(values, bounds, linestyle="--", linewidth=1, color=color)
    bases = [printed_base(rows[0]["width"], math.sqrt(rows[0]["sigma_w2"])) for _, rows, _ in found]
    axes.plot(values, bases, linestyle=":", linewidth=1, color=color)


def _transitions_report(rows: list[Row], out: Path) -> None:
    """Report the proportionality of transitions and length."""
    caption = (
        "Sign changes per unit of layer d + 1 against the length of the trajectory's image in layer d over sqrt(k), "
        "d = 1, ..., both means over networks. `slope`: of the line through the origin with the least squares; "
        "`R2`: 1 - residual sum of squares / that about the mean; `exponent`: slope of the logarithms, 1 if "
        "proportional. Where all units are saturated the slope is expected to be 1 / pi = 0.3183: a random hyperplane "
        "through the origin is crossed once per half turn about it. `change`: the largest relative change of a length "
        "if every other point is left out."
    )
    lines = []
    for part in _groups(rows):
        k, (x, y) = part[0]["width"], _means(part)
        found = [f"{number:.4g}" for number in proportionality(x, y)]
        networks, change = len(part), max(row["change"] for row in part)
        lines.append([k, f"{part[0]['sigma_w2']:g}", *found, networks, part[0]["points"], f"{change:.2g}"])
    headers = ["k", "sigma_w2", "slope", "R2", "exponent", "networks", "points", "change"]
    write(out / "table.md", table(caption, lines, headers))
    _draw_transitions(rows, out / "figure.png")


def _means(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Length over sqrt(k) and transitions, by layer."""
    return _mean(rows, "lengths") / math.sqrt(rows[0]["width"]), _mean(rows, "transitions")


def proportionality(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Factor c of y = c x by least squares, its R^2 about the mean of y, and the exponent of y ~ x^exponent."""
    c = float(x @ y / (x @ x)) if x.any() else math.nan
    about = np.sum((y - y.mean()) ** 2)
    fit = float(1 - np.sum((y - c * x) ** 2) / about) if about else math.nan
    kept = (x > 0) & (y > 0)
    exponent = float(np.polyfit(np.log(x[kept]), np.log(y[kept]), 1)[0]) if kept.sum() > 1 else math.nan
    return c, fit, exponent


def _draw_transitions(rows: list[Row], path: Path) -> None:
    widths, variances = _values(rows, "width"), _values(rows, "sigma_w2")
    with figure(path, title=headline(rows), figsize=(6, 5.4)) as (axes,):
        for part in _groups(rows):
            k, variance, (x, y) = part[0]["width"], part[0]["sigma_w2"], _means(part)
            color, marker = f"C{variances.index(variance)}", "osD^v<>pP*"[widths.index(k) % 10]
            label = f"k = {k}, $\\sigma_w^2$ = {variance:g}"
            axes.scatter(x, y, color=color, marker=marker, s=18, facecolors="none", label=label)
            axes.plot(x, proportionality(x, y)[0] * x, color=color, linewidth=0.6)
        every = np.concatenate([_means(part)[0] for part in _groups(rows)])
        ends = np.array([every.min(), every.max()])
        axes.plot(ends, ends / math.pi, color="black", linestyle="--", linewidth=1, label=r"slope $1 / \pi$")
        axes.set(xscale="log", yscale="log", xlabel=r"length / $\sqrt{k}$", ylabel="sign changes per unit")
        axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)


def _groups(rows: list[Row]) -> list[list[Row]]:
    """Rows of every pair of width and variance, sorted by the pairs."""
    return [part for _, part in sorted(group_by(rows, "width", "sigma_w2").items())]


def _add(name: str, section: str, *, settings: Settings, paper: Settings, **functions: Any) -> None:
    by_budget = budgets(settings, smoke=_SMOKE, paper={**_MILLION, **paper})
    register(name, Experiment(f"{_PAPER}, {section}", by_budget, _points, prepare=_check, **functions))


_add(
    "expressivity-fig1",
    "Theorem 1, Fig. 1",
    settings=_LENGTHS,
    paper={"depth": 12, "widths": [*_LENGTHS["widths"], 256, 512]},
    run=_lengths,
    report=_growth_report,
)
_add(
    "expressivity-fig2",
    "Observation 1, Fig. 2",
    settings=_TRANSITIONS,
    paper={"depth": 12, "widths": [8, 64, 512]},
    run=partial(_lengths, count=True),
    report=_transitions_report,
)
