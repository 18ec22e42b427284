"""Measurements of the two assumptions of On the Modularity of Hypernetworks.

Assumption 1: two networks trained on one target come closer to each other than to the target (section 5, Fig. 2).
Assumption 2: the error falls with every neuron (appendix 7.5, Fig. 8). `--set data=...` chooses the inputs. The
following is from the released code: in 1 batches of 64, rows of unit norm at the beginning, and 10,000 new examples of
the uniform space in every epoch; in 2 ELU and 1 to 29 neurons. `--set channels=40` is the code's target in 1, where the
paper has 50 channels. Ours: both networks of 1 see the same batches, and 2 normalises pixels as 1 does.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.layers import NormalizePixels
from zoo.layers.seeds import layer_seeds
from zoo.models.conditioned_mlp import check_activation, plain_initializers
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register, single_point
from zoo.recipes.experiments.fit_epochs import Examples, compiled, fit_epochs
from zoo.recipes.experiments.images import PIXELS, Images, count_classes, load_images, load_splits
from zoo.recipes.papers.modularity import TITLE
from zoo.recipes.reporting.sweep import write_report

_KERNEL = 10  # of both convolutions of Assumption 1's target, with stride 2
_SMALLEST = 28  # pixels that two of them leave one of
_NAMES = {
    "distances": "mean squared distance",
    "width": "units of the hidden layer",
    "loss": "test loss, squared error",
}
_PAIRS = ("f1, f2", "f1, y", "f2, y")


def _space(settings: Settings, data_dir: str | None) -> Images | None:
    """Load the images of a data set; None for the uniform distribution on [-1, 1]^(28 x 28)."""
    if settings["data"] == "uniform":
        return None
    images = load_images(settings, data_dir)
    if min(images.train.shape[1:3]) < _SMALLEST:
        raise ValueError(f"`data` must have images from 28x28 up. Received: {images.train.shape[1:]}")
    return images


def _approximators(settings: Settings, point: Row, seed: int, images: Images | None) -> list[Row]:
    """Train f1 and f2 on y(x); a row per pair of functions, with its mean squared distance after every epoch."""
    seeds = layer_seeds(seed)
    shape = images.train.shape[1:] if images else (_SMALLEST, _SMALLEST, 1)
    target = _target(shape, settings["channels"], images is not None, seeds)
    networks = _two_networks(shape, settings["width"], images is not None, seeds)

    def labelled(x: np.ndarray) -> Examples:
        return (x,), target.predict(x, batch_size=1000, verbose=0)

    def uniform(*key: int) -> Examples:
        numbers = np.random.default_rng([seed, *key]).random((settings["uniform_samples"], *shape), dtype="float32")
        return labelled(2 * numbers - 1)

    train = labelled(images.train) if images else None
    (test,), y = labelled(images.test) if images else uniform(1)
    distances: list[list[float]] = [[], [], []]

    def measure() -> None:
        f1, f2 = np.moveaxis(networks.predict(test, batch_size=1000, verbose=0), 1, 0)
        for found, difference in zip(distances, (f1 - f2, f1 - y, f2 - y), strict=True):
            found.append(float(np.mean(difference**2)))

    compiled(networks, keras.optimizers.SGD(settings["learning_rate"], settings["momentum"]), _sum_of_losses)
    training = {"epochs": settings["epochs"], "batch_size": settings["batch_size"], "seed": seed}
    fit_epochs(networks, lambda epoch: train or uniform(0, epoch), **training, after_epoch=measure)
    return [
        {"pair": pair, "distance": found[-1], "distances": found, "parameters": networks.count_params()}
        for pair, found in zip(_PAIRS, distances, strict=True)
    ]


def _target(shape: tuple, channels: int, pixels: bool, seeds: Iterator[int]) -> keras.Model:
    """Target y: two convolutions with ReLU and a linear layer, never trained."""
    x = inputs = keras.Input(shape)
    x = NormalizePixels(**PIXELS["normalized"])(x) if pixels else x
    for filters in (20, channels):
        plain = plain_initializers(_KERNEL**2 * x.shape[-1], seeds)
        x = keras.layers.Conv2D(filters, _KERNEL, strides=2, data_format="channels_last", activation="relu", **plain)(x)
    x = keras.layers.Flatten(data_format="channels_last")(x)
    return keras.Model(inputs, keras.layers.Dense(10, **plain_initializers(x.shape[-1], seeds))(x))


def _two_networks(shape: tuple, width: int, pixels: bool, seeds: Iterator[int]) -> keras.Model:
    """Networks f1 and f2 as one model with output `(batch, 2, 10)`; neither changes the other's gradients."""
    x = inputs = keras.Input(shape)
    x = keras.layers.Flatten(data_format="channels_last")(NormalizePixels(**PIXELS["normalized"])(x) if pixels else x)
    outputs, dense = [], []
    for _ in range(2):
        hidden = keras.layers.Dense(width, "relu", **plain_initializers(x.shape[-1], seeds))
        last = keras.layers.Dense(10, **plain_initializers(width, seeds))
        outputs.append(last(hidden(x)))
        dense += [hidden, last]
    for layer in dense:  # every unit's weights begin with norm 1
        kernel = ops.convert_to_numpy(layer.kernel)
        layer.kernel.assign(kernel / np.linalg.norm(kernel, axis=0))
    return keras.Model(inputs, ops.stack(outputs, axis=1))


def _sum_of_losses(y, found):
    """Mean squared error of f1 plus that of f2, per example."""
    return ops.sum(ops.mean(ops.square(ops.subtract(found, ops.expand_dims(y, 1))), axis=-1), axis=-1)


def _shallow(settings: Settings, point: Row, seed: int, data: Any) -> list[Row]:
    """Train a network of one hidden layer towards one-hot classes; the test loss is a sum over classes."""
    (x, y), (test_x, test_y) = data
    classes, seeds = y.shape[-1], layer_seeds(seed)
    x_in = keras.Input(x.shape[1:])
    flat = keras.layers.Flatten(data_format="channels_last")(NormalizePixels(**PIXELS["normalized"])(x_in))
    plain = plain_initializers(flat.shape[-1], seeds)
    hidden = keras.layers.Dense(point["width"], point["activation"], **plain)(flat)
    model = keras.Model(x_in, keras.layers.Dense(classes, **plain_initializers(point["width"], seeds))(hidden))
    compiled(model, keras.optimizers.Adadelta(settings["learning_rate"], rho=0.9, epsilon=1e-6), "mse")
    training = {"epochs": settings["epochs"], "batch_size": settings["batch_size"], "seed": seed}
    train_loss = fit_epochs(model, lambda epoch: ((x,), y), **training)
    errors = (model.predict(test_x, batch_size=1000, verbose=0) - test_y) ** 2
    row = {"loss": float(errors.sum(axis=1).mean()), "baseline": float(test_y.var(axis=0).sum())}
    return [{**row, "train_loss": classes * train_loss, "parameters": model.count_params()}]


def _labelled_images(settings: Settings, data_dir: str | None) -> Any:
    """Load training and test images, each with one-hot classes."""
    for activation in settings["activations"]:
        check_activation("activations", activation)
    splits = load_splits(settings, data_dir)
    classes = count_classes(splits)
    return [(split.x, np.eye(classes, dtype="float32")[split.y]) for split in splits]


def _neurons(settings: Settings) -> list[Row]:
    """Points: every width with every activation."""
    return [
        {"activation": activation, "width": width}
        for width in settings["widths"]
        for activation in settings["activations"]
    ]


_SPACE = {
    "data": "mnist",
    "repetitions": 100,
    "channels": 50,
    "width": 100,
    "samples": 0,
    "test_samples": 0,
    "uniform_samples": 10_000,
    "learning_rate": 0.01,
    "momentum": 0.5,
    "batch_size": 64,
    "epochs": 50,
}
_NEURONS = {
    "data": "mnist",
    "repetitions": 100,
    "activations": ["elu"],
    "widths": list(range(1, 30)),
    "samples": 0,
    "test_samples": 0,
    "learning_rate": 1.0,
    "batch_size": 64,
    "epochs": 2,
}

register(
    "modularity-assumption1",
    Experiment(
        f"{TITLE}, section 5, Fig. 2",
        budgets(
            _SPACE,
            smoke={"data": "uniform", "repetitions": 1, "uniform_samples": 200, "width": 8, "epochs": 2},
            standard={"repetitions": 3},
        ),
        points=single_point,
        run=_approximators,
        report=partial(
            write_report,
            sweep="epoch",
            measure="distances",
            series=("pair",),
            log="y",
            names=_NAMES,
        ),
        prepare=_space,
    ),
)
register(
    "modularity-assumption2",
    Experiment(
        f"{TITLE}, appendix 7.5, Fig. 8",
        budgets(
            _NEURONS,
            smoke={"data": "digits", "repetitions": 1, "widths": [1, 2], "samples": 200, "epochs": 1},
            standard={"repetitions": 3},
        ),
        points=_neurons,
        run=_shallow,
        report=partial(write_report, sweep="width", measure="loss", series=("activation",), names=_NAMES),
        prepare=_labelled_images,
    ),
)
