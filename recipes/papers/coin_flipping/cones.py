"""Maps of the cone classifier's decisions in the plane, by the number of flips that vote (section 4, after Fig. 2).

Nothing is trained. f' is |x|_1 - 1, with the unit ball of the L1 norm inside, or for "waves" x_2 - sin(2 x_1) / 2; both
have slope 1 in that norm.
"""

from pathlib import Path

import keras
import numpy as np
from keras import ops

import zoo
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.coin_flipping import TITLE
from zoo.recipes.reporting.figure import figure, headline, name_y
from zoo.recipes.reporting.sweep import write_report

_SIDE = 2.0  # of the square [-side, side]^2
_COLORS = ("C0", "#ece9df")  # of the classes
_LINE = "C1"
_NAMES = {"samples": "flips that vote", "error": "share of points that are wrong"}
_SETTINGS: Settings = {
    "function": "ball",
    "samples": [1, 11, 101, 1001, 10_001],
    "resolution": 41,
    "zeta": "normal",
    "spread": 1.0,
    "lipschitz": 1.0,
    "repetitions": 1,
}


def _function(name: str) -> keras.layers.Layer:
    if name == "ball":
        return zoo.models.cone.L1Ball()
    x = keras.Input((2,))
    return keras.Model(x, x[:, 1:] - 0.5 * ops.sin(2 * x[:, :1]))


def _grid(settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Points of the map `(resolution ** 2, 2)`, row by row, and f' there."""
    axis = np.linspace(-_SIDE, _SIDE, settings["resolution"])
    x = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype("float32")
    return x, ops.convert_to_numpy(_function(settings["function"])(x))[:, 0]


def _map(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    """Map of the classes of a grid of points, each row a text of 0 and 1, and the share of classes that are wrong."""
    x, height = _grid(settings)
    options = {key: settings[key] for key in ("zeta", "spread", "lipschitz")}
    model = zoo.build("cone_cfnn", dim=2, function=_function(settings["function"]), **options, samples=1, seed=seed)
    amplified = zoo.amplify(model, point["samples"], chunk=100)
    found = amplified.predict(x, batch_size=256, verbose=0).argmax(axis=1)
    decided = np.abs(height) > 1e-6  # on the surface no answer is right
    error = float(np.mean((found != (height > 0))[decided]))
    side = settings["resolution"]
    return [{"error": error, "map": ["".join(map(str, row)) for row in found.reshape(side, side)]}]


def _report(rows: list[Row], out: Path) -> None:
    """Write the errors as a table and a figure, and the maps as another figure."""
    from matplotlib import colors  # it is slow to import

    write_report(rows, out, sweep="samples", measure="error", series=("recipe",), log="x", names=_NAMES)
    first = sorted((row for row in rows if row["repetition"] == 0), key=lambda row: row["samples"])
    settings = first[0]["settings"]
    side = settings["resolution"]
    x, height = (part.reshape(side, side, *part.shape[1:]) for part in _grid(settings))
    title = f"{headline(rows)}: the class in the plane"
    with figure(out / "maps.png", len(first), title, sharey=True) as axes:
        for ax, row in zip(axes, first, strict=True):
            pixels = np.array([[int(one) for one in line] for line in row["map"]])
            ax.imshow(
                pixels,
                origin="lower",
                extent=(-_SIDE, _SIDE, -_SIDE, _SIDE),
                cmap=colors.ListedColormap(_COLORS),
                vmin=0,
                vmax=1,
            )
            ax.contour(x[..., 0], x[..., 1], height, levels=[0], colors=_LINE)
            ax.set(title=f"majority of {row['samples']:,}" if row["samples"] > 1 else "one flip", xlabel="$x_1$")
            ax.grid(visible=False)
        name_y(axes, "$x_2$")
        axes[0].figure.legend(handles=_map_key(), loc="outside lower center", ncols=3)


def _map_key() -> list:
    """Handles of a legend for the colours and the line of a map."""
    from matplotlib import lines, patches  # it is slow to import

    classes = [patches.Patch(facecolor=_COLORS[c], edgecolor="grey", label=f"class {c}") for c in (0, 1)]
    return [*classes, lines.Line2D([], [], color=_LINE, label="f' = 0")]


register(
    "cones",
    Experiment(
        f"{TITLE}, section 4, Theorems 4.1, C.2 and C.3",
        budgets(_SETTINGS, smoke={"samples": [1, 11], "resolution": 5}),
        points=lambda settings: [{"samples": n} for n in settings["samples"]],
        run=_map,
        report=_report,
        choices={"function": ("ball", "waves"), "zeta": ("normal", "uniform")},
    ),
)
