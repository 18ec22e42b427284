"""Number of bits to flip in an image until a network that tells even from odd digits changes its answer (Figs. 3, 4).

Images are binarised at 25 of 255. Two hidden ReLU layers are as wide as the image. Training takes 20 (Fig. 3) and 10
epochs (Fig. 4) of Adam. Ours, where the paper says nothing: batches of 100 and a learning rate of 0.001. The seed
chooses images from those of a split; in Fig. 4 from those that the network gets right and from those it gets wrong.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

import zoo
from zoo import probes
from zoo.probes import gaussian_process
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register, single_point
from zoo.recipes.experiments.fit_epochs import compiled, fit_epochs
from zoo.recipes.experiments.images import load_splits
from zoo.recipes.papers.simplicity import TITLE
from zoo.recipes.papers.simplicity.binned import binned
from zoo.recipes.reporting.figure import figure, headline
from zoo.recipes.reporting.markdown import table, write
from zoo.recipes.reporting.mean_and_deviation import deviation
from zoo.recipes.reporting.rows import group_by

_BINS = {"width": 2.5, "fewest": 25}  # of |output| in Fig. 3b
_SPLITS = ("train", "test")


class Strings(NamedTuple):
    """Bit strings `(n, bits)` of -1 and 1, and labels `(n,)`, 1 for odd digits."""

    x: np.ndarray
    y: np.ndarray


def _strings(settings: Settings, data_dir: str | None) -> list[Strings]:
    """Load the strings to train on and those to test on."""
    splits = load_splits(settings, data_dir)
    return [Strings(probes.binarize(split.x, settings["threshold"]), np.asarray(split.y) % 2) for split in splits]


def _trained(settings: Settings, seed: int, splits: list[Strings]) -> tuple[keras.Model, Row]:
    """Trained network, with its test accuracy and its loss in the last epoch."""
    (x, y), (test_x, test_y) = splits
    sizes = {"dim": x.shape[1], "width": settings["width"] or x.shape[1], "depth": settings["depth"]}
    model = zoo.build("random_mlp", activation="relu", sigma_w=math.sqrt(2), seed=seed, **sizes)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    compiled(model, keras.optimizers.Adam(settings["learning_rate"]), loss)
    batches = {"epochs": settings["epochs"], "batch_size": settings["batch_size"], "seed": seed}
    train_loss = fit_epochs(model, lambda epoch: ((x,), y[:, None].astype("float32")), **batches)
    accuracy = float(np.mean((_outputs(model, test_x) > 0) == test_y))
    return model, {"accuracy": accuracy, "train_loss": train_loss}


def _outputs(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return model.predict(x, batch_size=1000, verbose=0)[:, 0]


def _distances(model: keras.Model, x: np.ndarray) -> Row:
    """Row with the distances of strings and the outputs at them; -1 is a class that the search never left."""
    found = probes.nearest_flip(model, x) if len(x) else np.zeros(0, int)
    outputs = _outputs(model, x) if len(x) else np.zeros(0)
    mean = float(found[found > 0].mean()) if (found > 0).any() else math.nan
    return {
        "bits": x.shape[1],
        "distance": mean,
        "distances": found.tolist(),
        "outputs": np.round(outputs.astype(float), 3).tolist(),
    }


def _three_kinds(settings: Settings, point: Row, seed: int, splits: list[Strings]) -> list[Row]:
    """Train a network; a row for strings of either split and for random ones."""
    model, trained = _trained(settings, seed, splits)
    rng = np.random.default_rng(seed)
    chosen = {name: _some(split.x, settings["strings"], rng) for name, split in zip(_SPLITS, splits, strict=True)}
    chosen["random"] = rng.choice([-1.0, 1.0], (settings["strings"], splits[0].x.shape[1])).astype("float32")
    return [{"strings": name, **_distances(model, x), **trained} for name, x in chosen.items()]


def _right_and_wrong(settings: Settings, point: Row, seed: int, splits: list[Strings]) -> list[Row]:
    """Train a network; a row for the images of either split that it gets right, and one for those it gets wrong."""
    model, trained = _trained(settings, seed, splits)
    rng = np.random.default_rng(seed)
    rows = []
    for name, split in zip(_SPLITS, splits, strict=True):
        right = (_outputs(model, split.x) > 0) == split.y
        for answer, which in (("correct", right), ("incorrect", ~right)):
            some = _some(split.x[which], settings["strings"], rng)
            rows.append(
                {"strings": name, "answer": answer, **_distances(model, some), "images": int(which.sum()), **trained}
            )
    return rows


def _some(x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return x[rng.permutation(len(x))[:count]]


def _report_kinds(rows: list[Row], out: Path) -> None:
    """Report mean distances beside Eq. 8, and distances against |output|."""
    bits = rows[0]["bits"]
    expected = float(gaussian_process.expected_distance(bits))
    theory = f"Eq. 8 for random strings and networks, n = {bits}: {expected:.3g}"
    write(out / "table.md", _table(rows, ["strings"]), theory)
    with figure(out / "figure.png", 2, headline(rows)) as (bars, over_output):
        for name, part in group_by(rows, "strings").items():
            distances, outputs = (np.concatenate([row[key] for row in part]) for key in ("distances", "outputs"))
            left = distances > 0
            bars.bar(name, distances[left].mean(), color="C0")
            x, y = binned(outputs[left], distances[left], **_BINS)
            over_output.plot(x, y, "o-", markersize=3, label=name)
        bars.axhline(expected, color="black", linestyle="--", label="Eq. 8")
        for axes in (bars, over_output):
            axes.set(ylabel="mean distance, bits")
        bars.legend()
        bars.set(xlabel="strings")
        over_output.legend(title="strings")
        over_output.set(xlabel="|output|")


def _report_answers(rows: list[Row], out: Path) -> None:
    """Report histograms of the distances of images that networks get right and wrong."""
    write(out / "table.md", _table(rows, ["strings", "answer"]))
    by_split = group_by(rows, "strings")
    with figure(out / "figure.png", 2, headline(rows)) as panels:
        for axes, name in zip(panels, _SPLITS, strict=True):
            for answer, some in group_by(by_split.get(name, []), "answer").items():
                distances = np.concatenate([row["distances"] for row in some])
                bins = np.arange(0.5, distances.max(initial=1) + 1)
                axes.hist(distances, bins, density=True, alpha=0.6, label=answer)
            axes.set(title=name, xlabel="distance, bits", ylabel="share of images")
            axes.legend(title="answer")


def _table(rows: list[Row], keys: list[str]) -> str:
    lines = []
    for part in group_by(rows, *keys).values():
        distances = np.concatenate([row["distances"] for row in part])
        means = [row["distance"] for row in part if row["distance"] is not None]
        spread = f"{deviation(means):.2g}" if len(means) > 1 else ""
        mean = f"{distances[distances > 0].mean():.3f}" if means else ""
        lines.append([*(part[0][key] for key in keys), len(distances), mean, spread, int((distances < 0).sum())])
    accuracies = {row["repetition"]: row["accuracy"] for row in rows}.values()
    heads = [*keys, "searched", "mean distance", "deviation between networks", "never left"]
    caption = f"{rows[0]['recipe']}: {len(accuracies)} networks, test accuracy {100 * np.mean([*accuracies]):.2f} %"
    return table(caption, lines, heads)


def _add(number: int, *, epochs: int, networks: int, standard: Settings, run: Callable, report: Callable) -> None:
    paper = {
        **{"data": "mnist", "samples": 0, "test_samples": 0, "threshold": 25.0, "width": 0, "depth": 2},
        **{"epochs": epochs, "batch_size": 100, "learning_rate": 0.001, "strings": 1000, "repetitions": networks},
    }
    smoke = {"data": "digits", "threshold": 4.0, "width": 20, "strings": 20, "epochs": 2, "repetitions": 1}
    by_budget = budgets(paper, smoke=smoke, standard=standard)
    source = f"{TITLE}, section 4.3, Fig. {number}"
    register(
        f"simplicity-fig{number}", Experiment(source, by_budget, single_point, run=run, report=report, prepare=_strings)
    )


_FEWER: Settings = {"strings": 100, "repetitions": 3}
_add(3, epochs=20, networks=400, standard={"epochs": 5, **_FEWER}, run=_three_kinds, report=_report_kinds)
_add(4, epochs=10, networks=20, standard=_FEWER, run=_right_and_wrong, report=_report_answers)
