"""Change of a curve's image by training, in every hidden layer: its length and its sign transitions (Figs. 8, 9, 11).

A deep hard-tanh network learns digits by Adam. The curves are `probes.great_circle`, quarters of a turn: "data" from a
training image to one of another class, "random" between points in random directions, as far from the origin as those
images. Both are measured before training and after every epoch, at equal steps. `missed` and `missed_at_end` are the
largest shares of a layer's length, before and after training, that these steps miss and steps of half the size find.
`weights` is the root mean square of a layer's weights after training over that before.

Ours, where the paper says nothing: 12 hidden layers, where its axes end, of 100 units as in Fig. 6; no biases; pixels
divided by 255 only (`--set pixels=normalized` takes mean and deviation of MNIST); batches of 100, a learning rate of
0.001 and 100 epochs; the choice of curves. "standard" has fewer points and few epochs, which do not get far at that
rate, so it has twice the learning rate: 4 epochs in Figs. 8 and 11, 16 in Fig. 9, whose last layers shrink before they
grow.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import probes
from zoo.data.split import Split
from zoo.layers.arguments import int_at_least, positive_float
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register, single_point
from zoo.recipes.experiments.fit_epochs import compiled, evaluated, fit_epochs
from zoo.recipes.experiments.images import PIXELS, count_classes, load_splits
from zoo.recipes.papers.expressivity import TITLE
from zoo.recipes.papers.expressivity.one_layer import perceptron
from zoo.recipes.reporting.figure import figure, headline
from zoo.recipes.reporting.markdown import table, write
from zoo.recipes.reporting.mean_and_deviation import with_deviation

_CURVES = ("data", "random")
_LABELS = {"lengths": "trajectory length", "transitions": "sign transitions"}


def ends(train: Split, seed: int) -> dict[str, np.ndarray]:
    """End points of the two curves.

    Args:
        train: Images `(n, ...)` and integer labels `(n,)` of at least two classes.
        seed: Seed of NumPy's generator.

    Returns:
        Curve -> its first and last point, `(2, ...)`: "data" and "random".
    """
    x, y, rng = np.asarray(train.x), np.asarray(train.y), np.random.default_rng(seed)
    order = rng.permutation(len(x))
    other = order[y[order] != y[order[0]]][0]
    images = x[[order[0], other]].astype(float)
    normal = rng.normal(size=images.shape)
    scale = np.divide(*(np.linalg.norm(pair.reshape(2, -1), axis=1) for pair in (images, normal)))
    return {"data": images, "random": (normal.T * scale).T}


def _splits(settings: Settings, data_dir: str | None) -> list[Split]:
    """Load the images to train on and those to test on."""
    positive_float("weight_variance", settings["weight_variance"])
    positive_float("learning_rate", settings["learning_rate"])
    int_at_least("points", settings["points"], minimum=2)
    splits = load_splits(settings, data_dir)
    if len(np.unique(splits[0].y)) < 2:
        raise ValueError(
            f"`samples` must be so many that there are two classes. Received: samples={settings['samples']!r}"
        )
    return splits


def _run(settings: Settings, point: Row, seed: int, splits: list[Split]) -> list[Row]:
    """Train a network; a row per curve, where every measurement is a list by hidden layer."""
    train, test = splits
    x, y = np.asarray(train.x), np.asarray(train.y)
    model = perceptron(settings, x.shape[1:], count_classes(splits), seed)
    layers, pairs = [f"hidden_{number}" for number in range(1, settings["depth"] + 1)], ends(train, seed)

    def curves(points: int) -> Iterator[np.ndarray]:
        return (probes.great_circle(pair[0], pair[1], points) for pair in pairs.values())

    def fine() -> list[np.ndarray]:
        halved = curves(2 * settings["points"] - 1)
        return [_listed(probes.trajectory_lengths(model, curve, layers)) for curve in halved]

    recorders = [probes.RecordTrajectory(curve, layers) for curve in curves(settings["points"])]
    before, first = _magnitudes(model, layers), fine()
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    compiled(model, keras.optimizers.Adam(settings["learning_rate"]), cross_entropy, ["accuracy"])
    order = {"epochs": settings["epochs"], "batch_size": settings["batch_size"], "seed": seed}
    fit_epochs(model, lambda epoch: ((x,), y), **order, callbacks=recorders)
    tested = evaluated(model, test.x, test.y)
    growth = (_magnitudes(model, layers) / before).tolist()
    common = {"accuracy": tested["accuracy"], "loss": tested["loss"], "weights": growth}
    rows = []
    for name, recorder, *ideal in zip(pairs, recorders, first, fine(), strict=True):
        found = {key: [_listed(record[key]) for record in recorder.records] for key in _LABELS}
        missed = [_missed(found["lengths"][i], lengths) for i, lengths in zip((0, -1), ideal, strict=True)]
        measured = {key: np.array(values).tolist() for key, values in found.items()}
        updates = {"updates": [record["update"] for record in recorder.records]}
        rows.append({"curve": name, **common, "missed": missed[0], "missed_at_end": missed[1], **updates, **measured})
    return rows


def _listed(by_layer: dict[str, Any]) -> np.ndarray:
    return np.array(list(by_layer.values()))


def _magnitudes(model: keras.Model, layers: Sequence[str]) -> np.ndarray:
    """Root mean square of every layer's weights."""
    kernels = [keras.ops.convert_to_numpy(model.get_layer(name).kernel) for name in layers]
    return np.array([np.sqrt(np.mean(kernel.astype(float) ** 2)) for kernel in kernels])


def _missed(coarse: np.ndarray, fine: np.ndarray) -> float:
    """Largest share of a layer's length that the coarse steps miss; 0 for a curve that has become a point."""
    return float(np.max((fine - coarse) / np.where(fine == 0, 1, fine)))


def log_ratios(rows: Sequence[Row], measure: str) -> np.ndarray:
    """Logarithm of the last measurement over the first, `(rows, layers)`; not finite where one of them is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array([np.log(row[measure][-1]) - np.log(row[measure][0]) for row in rows])


def _report(rows: list[Row], out: Path, *, measure: str) -> None:
    """Write the measure after training over that before as a table, and draw all measurements in two panels."""
    kept = [row for row in rows if row["loss"] is not None]
    write(out / "table.md", *_table(rows, kept, measure))
    with figure(out / "figure.png", len(_CURVES), headline(rows), sharey=True) as panels:
        for axes, curve in zip(panels, _CURVES, strict=True):
            scale = _draw(axes, [row for row in kept if row["curve"] == curve], measure)
            axes.set(title=f"{curve} inputs", xlabel="hidden layer", yscale="log")
        panels[0].set(ylabel=_LABELS[measure])
        if kept:
            panels[-1].figure.colorbar(scale, ax=panels, label="updates of the weights")


def _table(rows: list[Row], kept: list[Row], measure: str) -> list[str]:
    settings, runs = rows[0]["settings"], len(rows) // len(_CURVES)
    lost = (len(rows) - len(kept)) // len(_CURVES)
    caption = (
        f"{rows[0]['recipe']}: natural logarithm of {_LABELS[measure]} after training over that before, per hidden "
        f"layer, mean ± standard deviation over repetitions ({runs}{f', {lost} of which diverged' if lost else ''}). "
        f"`weights`: root mean square after training over that before."
    )
    if not kept:
        return [caption]
    found = {curve: log_ratios([row for row in kept if row["curve"] == curve], measure) for curve in _CURVES}
    columns = [found["data"], found["random"], _difference(found["data"], found["random"])]
    columns.append(np.array([row["weights"] for row in kept if row["curve"] == "data"]))
    lines = [[layer, *(_cell(column[:, layer - 1]) for column in columns)] for layer in range(1, settings["depth"] + 1)]
    lines.append(["mean", *(_cell(column.mean(axis=1)) for column in columns)])
    header = ["layer", "data", "random", "data - random", "weights"]
    largest = [max(row[key] for row in kept) for key in ("missed", "missed_at_end")]
    return [
        table(caption, lines, header),
        f"- sigma_w^2 = {settings['weight_variance']:g}, {kept[0]['updates'][-1]} updates, test accuracy "
        f"{100 * np.mean([row['accuracy'] for row in kept]):.1f} %\n"
        f"- {settings['points']} points; of a length they miss at most {largest[0]:.2g} before training and "
        f"{largest[1]:.2g} after it, that halving the steps finds",
    ]


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return a - b


def _cell(numbers: np.ndarray) -> str:
    if not np.isfinite(numbers).all():
        return "none"
    return with_deviation(numbers, ".3g")


def _draw(axes: Any, rows: list[Row], measure: str) -> Any:
    """Draw a line per measurement, from pale before training to dark at its end: means over repetitions."""
    from matplotlib import cm, colors  # it is slow to import

    if not rows:
        return None
    updates = rows[0]["updates"]
    scale = cm.ScalarMappable(colors.Normalize(updates[0], updates[-1]), "viridis_r")
    for update, values in zip(updates, np.mean([row[measure] for row in rows], axis=0), strict=True):
        axes.plot(range(1, len(values) + 1), values, color=scale.to_rgba(update), marker="o", markersize=3)
    axes.xaxis.get_major_locator().set_params(integer=True)
    return scale


_PAPER: Settings = {
    **{"data": "mnist", "samples": 0, "test_samples": 0, "pixels": "unit", "width": 100, "depth": 12},
    **{"epochs": 100, "batch_size": 100, "learning_rate": 0.001, "points": 2**17 + 1, "repetitions": 10},
}
_STANDARD: Settings = {"epochs": 4, "learning_rate": 0.002, "points": 2**14 + 1, "repetitions": 3}
_SMOKE: Settings = {
    **{"data": "digits", "samples": 200, "test_samples": 100, "width": 10, "depth": 3, "epochs": 2, "points": 257},
    "repetitions": 1,
}


def _add(number: int, section: str, weight_variance: float, measure: str, **standard: Any) -> None:
    paper = {**_PAPER, "weight_variance": weight_variance}
    register(
        f"expressivity-fig{number}",
        Experiment(
            f"{TITLE}, {section}, Fig. {number}",
            budgets(paper, smoke=_SMOKE, standard={**_STANDARD, **standard}),
            points=single_point,
            run=_run,
            report=partial(_report, measure=measure),
            prepare=_splits,
            choices={"pixels": tuple(PIXELS)},
        ),
    )


_add(8, "section 3", 16.0, "lengths")
_add(9, "section 3", 3.0, "lengths", epochs=16)
_add(11, "appendix E", 16.0, "transitions")
