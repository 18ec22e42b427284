"""Boundaries in the plane at which the units of a deep ReLU network turn on and off (section 2.3, Fig. 3).

Nothing is trained. Biases have the deviation `sigma_b`; without biases all boundaries would go through the origin.
"""

from pathlib import Path

import numpy as np
from keras import ops

import zoo
from zoo import probes
from zoo.layers.arguments import int_at_least, positive_float
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register, single_point
from zoo.recipes.papers.expressivity import TITLE
from zoo.recipes.reporting.figure import figure, headline
from zoo.recipes.reporting.markdown import table, write
from zoo.recipes.reporting.mean_and_deviation import with_deviation
from zoo.recipes.reporting.rows import group_by

_SETTINGS: Settings = {
    "width": 4,
    "depth": 3,
    "sigma_w": 2.0,
    "sigma_b": 1.0,
    "side": 4.0,
    "resolution": 801,
    "repetitions": 10,
}


def _prepare(settings: Settings, data_dir: str | None) -> None:
    for key in ("sigma_w", "sigma_b", "side"):
        positive_float(key, settings[key])
    int_at_least("resolution", settings["resolution"], minimum=2)


def _plane(settings: Settings) -> np.ndarray:
    """Points of the square [-side, side]^2, `(resolution, resolution, 2)`, row by row."""
    axis = np.linspace(-settings["side"], settings["side"], settings["resolution"])
    return np.stack(np.meshgrid(axis, axis), axis=-1).astype("float32")


def _regions(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    """Rows for the first layer, the first two, ...: activation patterns in the square, and the last layer's weights."""
    options = {key: settings[key] for key in ("width", "depth", "sigma_w", "sigma_b")}
    model = zoo.build("random_mlp", dim=2, activation="relu", **options, seed=seed)
    names = [f"hidden_{layer}" for layer in range(1, settings["depth"] + 1)]
    x = _plane(settings).reshape(-1, 2)
    rows = []
    for layers, name in enumerate(names, 1):
        kernel, bias = (ops.convert_to_numpy(weight).tolist() for weight in model.get_layer(name).weights)
        patterns = probes.activation_patterns(model, x, names[:layers], batch_size=2**16)
        bound = probes.most_activation_patterns(settings["width"], layers, dim=2)
        rows.append({"layers": layers, "patterns": patterns, "bound": bound, "kernel": kernel, "bias": bias})
    return rows


def _report(rows: list[Row], out: Path) -> None:
    """Write the numbers of patterns as a table, and draw the boundaries of the first repetition."""
    networks = len({row["repetition"] for row in rows})
    lines = []
    for layers, some in group_by(rows, "layers").items():
        found = [row["patterns"] for row in some]
        lines.append([layers, with_deviation(found), min(found), max(found), some[0]["bound"]])
    headers = ["layers", "patterns", "fewest", "most", "bound"]
    caption = f"Activation patterns in the square, mean ± standard deviation over networks ({networks})"
    write(out / "table.md", table(caption, lines, headers))
    _draw([row for row in rows if row["repetition"] == 0], out / "figure.png")


def _draw(rows: list[Row], path: Path) -> None:
    """Draw a panel per layer with the boundaries of all units up to it, those of the layer itself in colour."""
    z = plane = _plane(rows[0]["settings"])
    with figure(path, len(rows), headline(rows)) as axes:
        for number, row in enumerate(rows):
            h = z @ np.array(row["kernel"]) + np.array(row["bias"])
            for panel, ax in enumerate(axes[number:], number):
                color = f"C{number}" if panel == number and number else "grey"
                for unit in np.moveaxis(h, -1, 0):
                    if unit.min() <= 0 < unit.max():
                        ax.contour(plane[..., 0], plane[..., 1], unit, levels=[0], colors=color, linewidths=1)
            title = "layer 1" if number == 0 else f"layers 1 to {row['layers']}"
            axes[number].set(
                title=f"{title}: {row['patterns']} patterns", aspect="equal", xlabel="$x_1$", ylabel="$x_2$"
            )
            axes[number].grid(visible=False)
            z = np.maximum(h, 0)


register(
    "expressivity-fig3",
    Experiment(
        f"{TITLE}, section 2.3, Fig. 3",
        budgets(_SETTINGS, smoke={"resolution": 101, "repetitions": 1}, paper={"repetitions": 1}),
        points=single_point,
        run=_regions,
        report=_report,
        prepare=_prepare,
    ),
)
