"""Training of a single layer of a random network, at every depth, with all other layers frozen (Figs. 6, 7 and 12).

Hidden layers are counted from 1, so that layer 2 has the weights that the paper calls W^(1). Layer 1 has as many inputs
as the images and so another number of weights; `--set layers=[1]` trains it all the same. Accuracy is that of the
network after an epoch, on all its training examples and all test examples, not the running mean of the training.

Ours, where the paper says nothing: 8 hidden layers and a frozen readout in Figs. 6 and 7; pixels divided by 255 only
(`--set pixels=normalized` takes mean and deviation of MNIST); batches of 100, a learning rate of 0.001, and 100 epochs
in Figs. 6 and 7; no biases. In Fig. 12 weights have variance 2 / fan_in, convolutions keep the size, and the softmax
sees the mean of each filter of the last convolution. With `--set pooling=none` it sees all numbers of the last
convolution, and then has most of the trained parameters. "standard" has fewer examples and epochs, and in Fig. 12 fewer
filters and a stride of 3 in the first convolution.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from zoo.data.split import Split
from zoo.layers import NormalizePixels
from zoo.layers.arguments import positive_float
from zoo.layers.seeds import layer_seeds
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.experiments.fit_epochs import compiled, evaluated, fit_epochs
from zoo.recipes.experiments.images import PIXELS, count_classes, load_splits
from zoo.recipes.papers.expressivity import TITLE
from zoo.recipes.reporting.markdown import write
from zoo.recipes.reporting.mean_and_deviation import with_deviation
from zoo.recipes.reporting.rows import group_by
from zoo.recipes.reporting.sweep import plot_sweep, sweep_table

_KEPT = 4e9  # bytes of a frozen layer's outputs that may be kept
_BATCH = 1000  # examples at once in the frozen layers


def perceptron(settings: Settings, shape: tuple, classes: int, seed: int) -> keras.Sequential:
    """Network from pixels through hidden layers `hidden_1`, ... of hard-tanh units to the logits of `readout`.

    Args:
        settings: `width`, `depth`, `weight_variance` and `pixels`.
        shape: Shape of an image.
        classes: Number of logits.
        seed: Int in [0, 2**32), of the weights.
    """
    sizes = {"dim": math.prod(shape), "outputs": classes, "width": settings["width"], "depth": settings["depth"]}
    network = zoo.build("random_mlp", sigma_w=math.sqrt(settings["weight_variance"]), seed=seed, **sizes)
    flat = [NormalizePixels(**PIXELS[settings["pixels"]]), keras.layers.Flatten(data_format="channels_last")]
    return keras.Sequential([keras.Input(shape), *flat, *network.layers[1:]])


def convolutions(settings: Settings, shape: tuple, classes: int, seed: int) -> keras.Sequential:
    """Network from pixels through 3x3 convolutions `hidden_1`, ... with ReLU to the logits of a dense `readout`.

    Args:
        settings: `filters`, `depth`, `stride`, `pooling`, `weight_variance` and `pixels`.
        shape: Shape of an image, `(h, w, c)`.
        classes: Number of logits.
        seed: Int in [0, 2**32), of the weights.
    """
    seeds = layer_seeds(seed)
    network = keras.Sequential([keras.Input(shape), NormalizePixels(**PIXELS[settings["pixels"]])])

    def plain(fan_in: int) -> dict[str, Any]:
        deviation = math.sqrt(settings["weight_variance"] / fan_in)
        return {"use_bias": False, "kernel_initializer": keras.initializers.RandomNormal(0, deviation, next(seeds))}

    for number in range(1, settings["depth"] + 1):
        options = {
            "padding": "same",
            "data_format": "channels_last",
            "activation": "relu",
            "strides": settings["stride"] if number == 1 else 1,
        }
        fan_in = 9 * network.output_shape[-1]
        network.add(keras.layers.Conv2D(settings["filters"], 3, **options, **plain(fan_in), name=f"hidden_{number}"))
    network.add(
        keras.layers.Flatten(data_format="channels_last")
        if settings["pooling"] == "none"
        else keras.layers.GlobalAveragePooling2D(data_format="channels_last")
    )
    network.add(keras.layers.Dense(classes, **plain(network.output_shape[-1]), name="readout"))
    return network


def freeze_others(network: keras.Model, trained: Sequence[str]) -> None:
    """Leave only the layers of these names trainable."""
    for layer in network.layers:
        layer.trainable = layer.name in trained


def from_layer(
    network: keras.Sequential, name: str, inputs: Sequence[np.ndarray], kept: float = _KEPT
) -> tuple[keras.Sequential, list[np.ndarray]]:
    """Split off a network from a layer on, so that the frozen layers below it run only once.

    Args:
        network: Network whose layers below `name` are frozen.
        name: Name of a layer.
        inputs: Inputs of the network.
        kept: Most bytes that outputs of the frozen layers may take, as float32.

    Returns:
        Network from the layer on, which shares the weights, and its inputs. Where those would take more than `kept`
        bytes, the network itself and `inputs`.
    """
    position = [layer.name for layer in network.layers].index(name)
    below = keras.Sequential([keras.Input(network.input_shape[1:]), *network.layers[:position]])
    shape = below.output_shape[1:]
    if sum(map(len, inputs)) * math.prod(shape) * 4 > kept:
        return network, list(inputs)
    above = keras.Sequential([keras.Input(shape), *network.layers[position:]])
    return above, [below.predict(x, batch_size=_BATCH, verbose=0) for x in inputs]


def _splits(settings: Settings, data_dir: str | None) -> list[Split]:
    """Load the images to train on and those to test on."""
    positive_float("weight_variance", settings["weight_variance"])
    if max(settings["layers"]) > settings["depth"]:
        allowed = f"at most depth={settings['depth']}"
        raise ValueError(f"`layers` must be {allowed}. Received: layers={settings['layers']!r}")
    return load_splits(settings, data_dir)


def _run(
    settings: Settings, point: Row, seed: int, splits: list[Split], *, build: Callable, more: tuple[str, ...]
) -> list[Row]:
    """Train one hidden layer and the layers of `more` by Adam; equal seeds give equal networks, whatever is trained."""
    name = f"hidden_{point['layer']}"
    train, test = splits
    network = build(settings, train.x.shape[1:], count_classes(splits), seed)
    freeze_others(network, (name, *more))
    parameters = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    model, (train_x, test_x) = from_layer(network, name, [np.asarray(split.x) for split in splits])
    accuracies: list[list[float]] = [[], []]
    losses: list[float] = []

    def measure() -> None:
        for x, y, found in zip((train_x, test_x), (train.y, test.y), accuracies, strict=True):
            now = evaluated(model, x, y)
            losses.append(now["loss"])
            found.append(now["accuracy"])

    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    compiled(model, keras.optimizers.Adam(settings["learning_rate"]), cross_entropy, ["accuracy"])
    order = {"epochs": settings["epochs"], "batch_size": settings["batch_size"], "seed": seed}
    fit_epochs(model, lambda epoch: ((train_x,), train.y), **order, after_epoch=measure)
    return [
        {
            "train_accuracy": accuracies[0],
            "accuracy": accuracies[1],
            "final_train_accuracy": accuracies[0][-1],
            "final_accuracy": accuracies[1][-1],
            "train_loss": losses[-2],
            "loss": losses[-1],
            "parameters": parameters,
            "baseline": float(np.bincount(test.y).max() / len(test.y)),
        }
    ]


def rank_correlation(rows: Sequence[Row], measure: str) -> list[float]:
    """Kendall's tau of layer and measure in every repetition where it is defined; -1 if the measure only falls."""
    from scipy.stats import kendalltau  # SciPy is slow to import

    found = []
    for _, run in sorted(group_by(rows, "repetition").items()):
        pairs = [(row["layer"], row[measure]) for row in run if row[measure] is not None]
        if len({value for _, value in pairs}) > 1:
            found.append(float(kendalltau(*zip(*pairs, strict=True)).statistic))
    return found


def _report(rows: list[Row], out: Path) -> None:
    """Draw accuracy over epochs, a line per layer; write the last epoch's as a table, with its rank correlations."""
    keys = {"train": "train_accuracy", "test": "accuracy"}
    both = [
        {**row, "examples": split, "accuracy": row[key], "final accuracy": row[f"final_{key}"]}
        for split, key in keys.items()
        for row in sorted(rows, key=lambda row: row["layer"])
    ]
    lines = [sweep_table(both, "layer", "final accuracy", ("examples",)), ""]
    for split, key in keys.items():
        taus = rank_correlation(rows, f"final_{key}")
        value = with_deviation(taus, ".3g") if taus else "none"
        lines.append(f"- Kendall's rank correlation of layer and final {split} accuracy: {value}")
    write(out / "table.md", "\n".join(lines))
    plot_sweep(both, out / "figure.png", sweep="epoch", measure="accuracy", series=("layer",), panels="examples")


def _add(number: int, section: str, *, settings: Settings, standard: Settings, smoke: Settings, **run: Any) -> None:
    more = {"depth": 8, "layers": list(range(2, 9)), "pixels": "unit", "samples": 0, "test_samples": 0}
    paper = {**more, "batch_size": 100, "learning_rate": 0.001, **settings}
    smoke = {"data": "digits", "depth": 3, "layers": [2, 3], "samples": 200, "test_samples": 100, "epochs": 2, **smoke}
    register(
        f"expressivity-fig{number}",
        Experiment(
            f"{TITLE}, {section}, Fig. {number}",
            budgets(paper, smoke={**smoke, "repetitions": 1}, standard=standard),
            points=lambda settings: [{"layer": layer} for layer in settings["layers"]],
            run=partial(_run, **run),
            report=_report,
            prepare=_splits,
            choices={"pixels": tuple(PIXELS), "pooling": ("none", "average")},
        ),
    )


_DENSE = {"epochs": 100, "repetitions": 10}
_FEWER = {"samples": 10_000, "epochs": 20, "repetitions": 3}

_add(
    6,
    "section 3",
    settings={**_DENSE, "data": "mnist", "width": 100, "weight_variance": 2.0},
    standard=_FEWER,
    smoke={"width": 10},
    build=perceptron,
    more=(),
)
_add(
    7,
    "section 3",
    settings={**_DENSE, "data": "cifar10", "width": 200, "weight_variance": 1.0},
    standard=_FEWER,
    smoke={"width": 10},
    build=perceptron,
    more=(),
)
_add(
    12,
    "appendix E",
    settings={
        "data": "cifar10",
        "filters": 64,
        "stride": 1,
        "pooling": "average",
        "weight_variance": 2.0,
        "epochs": 500,
        "repetitions": 1,
    },
    standard={"filters": 16, "stride": 3, "samples": 4000, "test_samples": 4000, "epochs": 20, "repetitions": 3},
    smoke={"filters": 4},
    build=convolutions,
    more=("readout",),
)
