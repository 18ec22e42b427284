"""Runs of the experiments on an embedding of the condition against a hypernetwork."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

import zoo
from zoo.layers import NormalizePixels
from zoo.recipes.experiments.experiment import Row, Settings
from zoo.recipes.experiments.fit_epochs import Examples, compiled, evaluated, fit_epochs
from zoo.recipes.experiments.images import PIXELS, Images, load_images
from zoo.recipes.papers.modularity.colorization import FEATURES, grey, random_pixels
from zoo.recipes.papers.modularity.rotation import angle_class, check_classes, rotate
from zoo.recipes.papers.modularity.synthetic_targets import synthetic_target


class Task(NamedTuple):
    """Learning task: a function from an epoch to its examples, held-out examples, and whether targets are classes."""

    draw: Callable[[int], Examples]
    test: Examples
    classes: bool = False


def synthetic(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    """Learn a random target from standard normal x and I of equal size, on held-out examples (section 5)."""
    settings = {**settings, **point}
    size = settings["x_size"]
    seeds = [int(word) for word in np.random.SeedSequence(seed).generate_state(3)]
    target = synthetic_target(settings["type"], size, size, seeds[0])

    def normal(part_seed: int, n: int) -> Examples:
        x, condition = np.random.default_rng(part_seed).standard_normal((2, n, size), dtype="float32")
        return (x, condition), target(x, condition)

    train, test = normal(seeds[1], settings["samples"]), normal(seeds[2], settings["test_samples"])
    model = _network(settings, seed, x_size=size, condition_size=size, outputs=1)
    return _train(model, settings, Task(lambda epoch: train, test), seed)


def synthetic_multiple(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    """Run `synthetic` with i times the embedding, or i times the units in the last hidden layer of f (Fig. 1b)."""
    settings = {**settings, **point}
    i, width = settings["multiple"], settings["width"]
    widths = (width, width) if settings["method"] == "embedding" else (width, width * i)
    changed = {"depth": 3, "width": widths, "embedding_dim": settings["embedding_dim"] * i}
    return synthetic({**settings, **changed}, point, seed, prepared)


def rotation_images(settings: Settings, data_dir: str | None) -> Images:
    """Load the images to turn."""
    check_classes(settings["classes"])
    return load_images(settings, data_dir)


def rotation(settings: Settings, point: Row, seed: int, images: Images) -> list[Row]:
    """Learn the angle between an image and a turned one; every epoch has other angles (section 5, 7.2, 7.4)."""
    size = int(np.prod(images.train.shape[1:]))
    settings = {"embedding_dim": 10 * size + 10, **settings, **point}

    def turned(part: np.ndarray, *key: int) -> Examples:
        degrees = np.random.default_rng([seed, *key]).uniform(0, 360, len(part))
        flat = rotate(part, degrees).reshape(len(part), -1), part.reshape(len(part), -1)
        return flat, angle_class(degrees, settings["classes"], settings["reading"])

    network = _network(settings, seed, x_size=size, condition_size=size, outputs=settings["classes"])
    inputs = [keras.Input((size,)), keras.Input((size,))]
    # The data stay bytes, because CIFAR-10 as floats in the order of an epoch takes gigabytes.
    model = keras.Model(inputs, network([NormalizePixels(**PIXELS[settings["pixels"]])(x) for x in inputs]))
    task = Task(lambda epoch: turned(images.train, 0, epoch), turned(images.test, 1), classes=True)
    return _train(model, settings, task, seed)


def colorization_images(settings: Settings, data_dir: str | None) -> tuple[Images, Images]:
    """Load images, and turn the same into flat grey ones."""
    images = load_images(settings, data_dir)
    return images, Images(grey(images.train), grey(images.test))


def colorization(settings: Settings, point: Row, seed: int, prepared: tuple[Images, Images]) -> list[Row]:
    """Learn the colour of a pixel from a grey image; one pixel per image, another one in every epoch (appendix 7.3)."""
    settings = {**settings, **point}
    images, greys = prepared

    def pixels(coloured: np.ndarray, shades: np.ndarray, *key: int) -> Examples:
        features, colours = random_pixels(coloured, np.random.default_rng([seed, *key]))
        return (features, shades), colours

    model = _network(settings, seed, x_size=FEATURES, condition_size=greys.train.shape[1], outputs=3)
    test = pixels(images.test, greys.test, 1)
    return _train(model, settings, Task(lambda epoch: pixels(images.train, greys.train, 0, epoch), test), seed)


def _network(settings: Settings, seed: int, **sizes: int) -> keras.Model:
    """Model of a method, built with the settings that its builder knows."""
    keys = ("depth", "width", "activation", "primary_activation", "embedding_dim", "primary_bias", "init")
    name = f"mlp_{settings['method']}"
    known = zoo.registry.find(name).options
    options: dict[str, Any] = {key: settings[key] for key in keys if key in known} | sizes
    return zoo.build(name, seed=seed, hidden=(settings["hidden"],), **options)


def _train(model: keras.Model, settings: Settings, task: Task, seed: int) -> list[Row]:
    """Train by plain SGD and test; `baseline` is the test loss or error of the best constant."""
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    loss = cross_entropy if task.classes else "mse"
    compiled(model, keras.optimizers.SGD(settings["learning_rate"]), loss, ["accuracy"] * task.classes)
    train_loss = fit_epochs(model, task.draw, epochs=settings["epochs"], batch_size=settings["batch_size"], seed=seed)
    inputs, targets = task.test
    found = evaluated(model, list(inputs), targets)
    row = {"loss": found["loss"], "train_loss": train_loss, "parameters": model.count_params()}
    if not task.classes:
        return [{**row, "baseline": float(targets.var(axis=0).mean())}]
    error = round(1 - found["accuracy"], 7)
    return [{**row, "error": error, "baseline": 1 - float(np.bincount(targets).max() / len(targets))}]
