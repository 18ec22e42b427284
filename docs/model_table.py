"""The table of all models in README.md: parameters, accuracy, weights, the paper's number, the cost of a flip.

And that of all weights in docs/models.md: the difference to the paper, how far flips differ, what the training cost.
`python docs/model_table.py` writes both anew from the registry, the manifest of the weights and the papers' tables.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import zoo
from zoo.amplification.coin_graph import coin_graph
from zoo.layers.coins import flips_coins
from zoo.recipes.papers.coin_flipping.dropout_report import PAPER
from zoo.recipes.papers.iterand.pruning_paper import PRINTED
from zoo.recipes.reporting.text_table import aligned
from zoo.weights.pretrained import manifest

README, PAGE = Path(__file__).parent.parent / "README.md", Path(__file__).parent / "models.md"
START, END = "<!-- models: python docs/model_table.py -->\n", "<!-- end of models -->\n"
WEIGHTS_START, WEIGHTS_END = "<!-- weights: python docs/model_table.py -->\n", "<!-- end of weights -->\n"
HEADS = ["model", "weights", "parameters", "test accuracy, %", "the paper, %", "MFLOP an image", "and a flip"]
WEIGHTS_HEADS = ["weights", "epochs, of", "test accuracy, %", "the paper, %", "difference"]
WEIGHTS_HEADS += ["flips disagree, %", "core hours", "command"]
_HYPERNETWORKS = {"hypernet_cfnn": (81.45, 0.24), "hypernet_deterministic": (79.71, 0.52)}  # CIFAR-10, Tables 1 and 4
_IMAGENET = {"input_shape": (224, 224, 3), "classes": 1000}
_METHODS = {"edge_popup": "edge-popup", "iterand": "iterand"}


def rows() -> list[tuple[str, dict[str, Any] | None, dict[str, Any]]]:
    """List what has a line: a model, the manifest's row of its weights or None, and the options it is built with."""
    found: list[tuple[str, dict[str, Any] | None, dict[str, Any]]] = []
    published = manifest()
    for name in zoo.list_models():
        of_it = [row for row in published if row["model"] == name]
        found += [(name, row, {**row["defaults"], **row["options"]}) for row in of_it]
        if not of_it:
            found.append((name, None, _IMAGENET if name.startswith(("resnet50", "resnet101")) else {}))
    return found


def line(name: str, row: dict[str, Any] | None, options: dict[str, Any]) -> list[str]:
    """Return the cells of a line; the model is built to count."""
    options = {key: tuple(value) if key == "input_shape" else value for key, value in options.items()}
    model = zoo.build(name, seed=0, **options)
    weights, *numbers = told(name, row)
    return [f"`{name}`", weights, f"{model.count_params():,}", *numbers, *cost(model)]


def told(name: str, row: dict[str, Any] | None) -> list[str]:
    """Return the cells that need no model: weights, accuracy, the paper's number."""
    return [f"`{row['weights']}`" if row else "none", _accuracy(row), _printed(name, row)]


def _accuracy(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    score = row["score"]
    accuracy, low, high = (f"{100 * score[key]:.2f}" for key in ("accuracy", "low", "high"))
    vote = f", {score['vote']} of {score['samples']}" if score["vote"] != "none" else ""
    return f"{accuracy} [{low}, {high}] of {score['n']:,}{vote}"


def _printed(name: str, row: dict[str, Any] | None) -> str:
    """Return the paper's mean and deviation of three runs, of the same data and width, or "-"."""
    if row is not None and row["data"] == "digits":
        return "-"
    found: tuple[float, float | None] | None = None
    cells = PAPER["cifar10"]
    if name == "resnet20_cfnn":
        by_one = row is not None and row["recipe"]["options"].get("samples") == 1
        found = cells["standard" if by_one else "majority", "majority"]
    elif name == "resnet20_dropout":
        found = cells["standard", "standard"]
    elif name in _HYPERNETWORKS:
        found = _HYPERNETWORKS[name]
    elif name.startswith(("conv6", "resnet")):
        network, _, method = name.partition("_")
        width = row["options"]["width"] if row else 1.0
        key = network, _METHODS.get(method, "sgd"), "sc" if method else "ku", width
        found = next((cells[key] for cells in PRINTED.values() if key in cells), None)
    if found is None:
        return "-"
    mean, deviation = found
    return f"{mean:.2f}" + (f" ± {deviation:.2f}" if deviation is not None else "")


def cost(model: keras.Model) -> tuple[str, str]:
    """Return millions of floating-point operations, as TensorFlow counts them: once per image, and once per flip."""
    if not flips_coins(model):
        return _operations(model, model.inputs), "-"
    graph = coin_graph(model)
    hidden = keras.tree.flatten(graph.prefix.outputs)
    once = _operations(graph.prefix, graph.prefix.inputs)
    return once, _operations(lambda *given, training: graph.suffix(graph.rows(given, 1), training=training), hidden)


def _operations(function: Callable[..., Any], tensors: list) -> str:
    if isinstance(function, keras.Model) and len(tensors) > 1:
        model, function = function, lambda *given, training: model(given, training=training)
    specs = [tf.TensorSpec((1, *x.shape[1:]), x.dtype) for x in tensors]
    traced = tf.function(lambda *given: function(*given, training=False)).get_concrete_function(*specs)
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    millions = tf.compat.v1.profiler.profile(traced.graph, options=options).total_float_ops / 1e6
    if millions < 0.001:
        return "< 0.001" if millions else "0"
    return f"{millions:,.0f}" if millions >= 10 else f"{millions:.2g}"


def text() -> str:
    """Return the table of models in Markdown."""
    return aligned([line(*one) for one in rows()], HEADS, "github")


def weights_line(row: dict[str, Any]) -> list[str]:
    """Return the cells of a row of the manifest; "-" is what there is not, or was not written down."""
    score, paper, card = row["score"], _printed(row["model"], row), Path(row["file"]).with_name("README.md")
    return [
        f"[{row['model']}, {row['weights']}](../saved_models/{card})",
        f"{row['recipe']['epochs']}, {row['planned_epochs']}",
        _accuracy(row),
        paper,
        "-" if paper == "-" else f"{100 * score['accuracy'] - float(paper.split()[0]):+.2f}",
        f"{100 * score['disagreement']:.1f}" if "disagreement" in score else "-",
        f"{row['cost']['core_seconds'] / 3600:.1f}" if "cost" in row else "-",
        f"`{row['command']}`",
    ]


def weights_text() -> str:
    """Return the table of weights in Markdown."""
    return aligned([weights_line(row) for row in manifest()], WEIGHTS_HEADS, "github")


def _replace(page: Path, start: str, end: str, table: str) -> None:
    pattern = re.escape(start) + ".*?" + re.escape(end)
    old = page.read_text(encoding="utf-8")
    page.write_text(re.sub(pattern, lambda _: f"{start}\n{table}\n\n{end}", old, flags=re.DOTALL), encoding="utf-8")


def main() -> None:
    """Write the tables into README.md and docs/models.md."""
    _replace(README, START, END, text())
    _replace(PAGE, WEIGHTS_START, WEIGHTS_END, weights_text())


if __name__ == "__main__":
    main()
