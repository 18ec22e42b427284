"""Number of bits to flip until a random ReLU network changes its class (Figs. 1, 2, and greedy against exact search).

Every network is searched at a random string of its own. `together` networks are evaluated at once.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from keras import ops

import zoo
from zoo import probes
from zoo.layers.arguments import int_at_least, positive_float
from zoo.probes import gaussian_process
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.simplicity import TITLE
from zoo.recipes.papers.simplicity.binned import binned
from zoo.recipes.reporting.figure import figure, headline
from zoo.recipes.reporting.markdown import table, write
from zoo.recipes.reporting.mean_and_deviation import deviation
from zoo.recipes.reporting.style import graded

_NETWORKS: Settings = {"depth": 2, "sigma_w2": 2.0, "networks": 1000, "together": 50, "repetitions": 1}
_BITS = [16, 32, 64, 128, 256, 384, 512, 768, 1024]
_BINS = {"width": 0.25, "fewest": 10}  # of |output| in Fig. 1b


def _populations(settings: Settings, bits: int, seed: int, measure: Callable) -> list[np.ndarray]:
    """Arrays `(networks,)` that `measure(model, x, seed)` returns for populations and their strings `(1, n, bits)`."""
    found = []
    for start in range(0, settings["networks"], settings["together"]):
        count = min(settings["together"], settings["networks"] - start)
        own, other, strings = (int(word) for word in np.random.SeedSequence([seed, bits, start]).generate_state(3))
        options = {"dim": bits, "width": bits, "depth": settings["depth"], "sigma_w": math.sqrt(settings["sigma_w2"])}
        model = zoo.build("random_mlp", activation="relu", networks=count, seed=own, **options)
        x = np.random.default_rng(strings).choice([-1.0, 1.0], (1, count, bits)).astype("float32")
        found.append(np.stack(measure(model, x, other)))
    return list(np.concatenate(found, axis=1))


def _outputs(model, x: np.ndarray) -> np.ndarray:
    """Each network's output at its own string."""
    first, *rest = model.layers[1:]
    h = first(x)
    for layer in rest:
        h = layer(h)
    return ops.convert_to_numpy(h)[0, :, 0]


def _nearest(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    def measure(model, x: np.ndarray, seed: int) -> list[np.ndarray]:
        return [probes.nearest_flip(model, x, networks=True)[0], _outputs(model, x)]

    all_distances, outputs = _populations(settings, point["bits"], seed, measure)
    distances = all_distances[all_distances > 0]  # a class that the greedy search never left has none
    return [
        {
            "distance": _mean(distances),
            "found": len(distances),
            "standard_error": _standard_error(distances),
            "expected": float(gaussian_process.expected_distance(point["bits"], _process(settings).slope)),
            "distances": all_distances.astype(int).tolist(),
            "outputs": np.round(outputs.astype(float), 4).tolist(),
        }
    ]


def _random(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    def measure(model, x: np.ndarray, seed: int) -> list[np.ndarray]:
        return [probes.random_flips(model, x, seed, networks=True)[0]]

    (flips,) = _populations(settings, point["bits"], seed, measure)
    return [
        {
            "flips": _mean(flips),
            "standard_error": _standard_error(flips),
            "never": _mean(flips == point["bits"]),
            "fewest": float(gaussian_process.fewest_random_flips(point["bits"])),
        }
    ]


def _both(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    most, batch = settings["max_distance"], {"networks": True, "batch_size": 2**16}

    def measure(model, x: np.ndarray, seed: int) -> list[np.ndarray]:
        greedy = probes.nearest_flip(model, x, networks=True)[0]
        return [greedy, probes.nearest_flip(model, x, "exact", most, **batch)[0]]

    greedy, exact = _populations(settings, point["bits"], seed, measure)
    known = (exact > 0) & (greedy > 0)
    return [
        {
            "compared": int(known.sum()),
            "agreement": _mean(greedy[known] == exact[known]),
            "greedy": _mean(greedy[known]),
            "exact": _mean(exact[known]),
            "largest_excess": int((greedy - exact)[known].max(initial=0)),
        }
    ]


def _mean(numbers: np.ndarray) -> float:
    """Mean of the numbers; NaN if there are none, because no search found anything."""
    return float(numbers.mean()) if len(numbers) else math.nan


def _standard_error(numbers: np.ndarray) -> float:
    return deviation(numbers) / math.sqrt(max(len(numbers), 1))


def _process(settings: Settings) -> gaussian_process.ReluProcess:
    return gaussian_process.relu_process(settings["depth"], math.sqrt(settings["sigma_w2"]))


def line_fit(x: np.ndarray, y: np.ndarray, errors: np.ndarray) -> tuple[float, float, float]:
    """Slope, its standard error, and intercept of a line through points with standard errors, by least squares."""
    (slope, intercept), covariance = np.polyfit(x, y, 1, w=1 / errors, cov="unscaled")
    return float(slope), float(math.sqrt(covariance[0, 0])), float(intercept)


def adjusted(outputs: np.ndarray, distances: np.ndarray, variance: float) -> tuple[float, float]:
    """Mean distance with less chance in it, and its standard error.

    Wide networks have normal outputs of that variance, so the mean of |output| is known. Distances follow |output|
    linearly (Eq. 7); the mean distance is that of the line at the known mean.
    """
    size = np.abs(outputs)
    slope, intercept = np.polyfit(size, distances, 1)
    left = distances - slope * size - intercept
    mean = intercept + slope * math.sqrt(2 * variance / math.pi)
    return float(mean), float(left.std(ddof=2) / math.sqrt(len(left)))


def _adjusted(row: Row) -> Row:
    found = np.array(row["distances"]) > 0
    outputs, distances = (np.array(row[key])[found] for key in ("outputs", "distances"))
    if len(outputs) < 3 or len(set(distances.tolist())) == 1:  # no line, or a line without residuals
        return {**row, "adjusted": row["distance"], "adjusted_error": 0.0}
    mean, error = adjusted(outputs, distances, _process(row["settings"]).variance)
    return {**row, "adjusted": mean, "adjusted_error": error}


def _fitted(
    rows: list[Row], x: Callable, y: str, error: str = "standard_error"
) -> tuple[tuple[float, float, float] | None, list[int]]:
    """Line through the means from `fit_from` bits on, or None for fewer than three sizes; and the sizes fitted."""
    kept = [row for row in rows if row["bits"] >= row["settings"]["fit_from"]]
    bits = [row["bits"] for row in kept]
    if len(set(bits)) < 3 or not all(row[error] > 0 for row in kept):
        return None, bits
    return line_fit(x(np.array(bits)), *(np.array([row[key] for row in kept]) for key in (y, error))), bits


def _root(bits: np.ndarray) -> np.ndarray:
    return np.sqrt(bits / np.log(bits))


def _report_nearest(rows: list[Row], out: Path) -> None:
    rows = sorted(map(_adjusted, rows), key=lambda row: row["bits"])
    slope = _process(rows[0]["settings"]).slope
    fit, bits = _fitted(rows, _root, "distance")
    less, _ = _fitted(rows, _root, "adjusted", "adjusted_error")
    text = _table(rows, ["bits", "distance", "standard_error", "adjusted", "adjusted_error", "expected", "found"])
    if fit and less:
        text += (
            f"\n\nDistance = a sqrt(n / ln n) + b, fitted to n = {', '.join(map(str, bits))}: a = {fit[0]:.3f} ± "
            f"{fit[1]:.2g} (standard error), b = {fit[2]:.2f}. Eq. 8: a = {1 / math.sqrt(2 * math.pi * slope):.3f}. "
            f"Adjusted for the outputs that were drawn (their |output| put at its mean): a = {less[0]:.3f} ± "
            f"{less[1]:.2g}, b = {less[2]:.2f}."
        )

    write(out / "table.md", text)
    n = np.array([row["bits"] for row in rows])
    means, errors = (np.array([row[key] for row in rows]) for key in ("distance", "standard_error"))
    fine = np.geomspace(n.min(), n.max(), 100)
    theory = gaussian_process.expected_distance(np.round(fine).astype(int), slope)
    with figure(out / "figure.png", 3, headline(rows)) as (over_n, over_root, over_output):
        for axes, x, line in ((over_n, n, fine), (over_root, _root(n), _root(fine))):
            axes.errorbar(x, means, errors, fmt="o", markersize=3, capsize=2, label="greedy")
            axes.plot(line, theory, color="black", linestyle="--", label="Eq. 8")
            if fit:
                axes.plot(line, fit[0] * _root(fine) + fit[2], color="C1", label=f"fit, a = {fit[0]:.3f}")
            axes.set(ylabel="mean distance, bits")
            axes.legend()
        over_n.set(xlabel="n, bits of a string")
        over_root.set(xlabel="$\\sqrt{n / \\ln n}$")
        for color, row in zip(graded(len(rows)), rows, strict=True):
            found = np.array(row["distances"]) > 0
            x, y = binned(np.array(row["outputs"])[found], np.array(row["distances"])[found], **_BINS)
            over_output.plot(x, y, "o-", markersize=3, color=color, label=str(row["bits"]))
        over_output.set(xlabel="|output|", ylabel="mean distance, bits")
        over_output.legend(title="n", ncols=2)


def _report_random(rows: list[Row], out: Path) -> None:
    rows = sorted(rows, key=lambda row: row["bits"])
    fit, bits = _fitted(rows, lambda n: n, "flips")
    lines = [{**row, "flips / n": row["flips"] / row["bits"]} for row in rows]
    text = _table(lines, ["bits", "flips", "standard_error", "flips / n", "never", "fewest"])
    if fit:
        text += (
            f"\n\nFlips = a n + b, fitted to n = {', '.join(map(str, bits))}: a = {fit[0]:.3f} ± {fit[1]:.2g} "
            f"(standard error), b = {fit[2]:.2f}. Not below n / 4 by the paper's heuristic; it found 0.33."
        )

    write(out / "table.md", text)
    n, means, errors = (np.array([row[key] for row in rows]) for key in ("bits", "flips", "standard_error"))
    with figure(out / "figure.png", title=headline(rows)) as (axes,):
        axes.errorbar(n, means, errors, fmt="o", markersize=3, capsize=2, label="random flips")
        axes.plot(n, n / 4, color="black", linestyle="--", label="n / 4")
        if fit:
            axes.plot(n, fit[0] * n + fit[2], color="C1", label=f"fit, a = {fit[0]:.3f}")
        axes.set(xlabel="n, bits of a string", ylabel="mean number of flips")
        axes.legend()


def _report_both(rows: list[Row], out: Path) -> None:
    rows = sorted(rows, key=lambda row: row["bits"])
    text = _table(rows, ["bits", "compared", "agreement", "greedy", "exact", "largest_excess"])

    write(out / "table.md", text)
    with figure(out / "figure.png", title=headline(rows)) as (axes,):
        for key in ("greedy", "exact"):
            axes.plot([row["bits"] for row in rows], [row[key] for row in rows], "o-", markersize=3, label=key)
        axes.set(xlabel="n, bits of a string", ylabel="mean distance, bits")
        axes.legend(title="search")


def _table(rows: list[Row], keys: list[str]) -> str:
    lines = [[row[key] for key in keys] for row in rows]
    networks = rows[0]["settings"]["networks"]
    caption = f"{rows[0]['recipe']}, {networks} networks per size"
    return table(caption, lines, [key.replace("_", " ") for key in keys])


def _points(settings: Settings) -> list[Row]:
    return [{"bits": bits} for bits in settings["bits"]]


def _check(settings: Settings, data_dir: str | None) -> None:
    for bits in settings["bits"]:
        int_at_least("bits", bits, minimum=2)
    positive_float("sigma_w2", settings["sigma_w2"])


def _add(name: str, section: str, *, settings: Settings, smoke: Settings, run: Callable, report: Callable) -> None:
    by_budget = budgets({**_NETWORKS, **settings}, smoke={"networks": 6, "together": 4, **smoke})
    source = f"{TITLE}, {section}"
    register(name, Experiment(source, by_budget, _points, run=run, report=report, prepare=_check))


_SIZES = {"settings": {"bits": _BITS, "fit_from": 100}, "smoke": {"bits": [8, 12, 16], "fit_from": 8}}
_add("simplicity-fig1", "section 4.1, Fig. 1", **_SIZES, run=_nearest, report=_report_nearest)
_add("simplicity-fig2", "section 4.2, Fig. 2", **_SIZES, run=_random, report=_report_random)
_add(
    "simplicity-table1",
    "section 4.1, greedy against exact (Table 1)",
    settings={"bits": [8, 12, 16, 20, 32], "max_distance": 4, "networks": 400},
    smoke={"bits": [6, 8]},
    run=_both,
    report=_report_both,
)
