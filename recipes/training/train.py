"""Train a recipe in a folder: `fit`, logs, best and last weights, exact resume, results."""

import sys
import time
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import keras

import zoo
from zoo.amplification.checks import check_split
from zoo.amplification.coin_graph import has_coins
from zoo.data.batches import Batches, fit_input, plain_errors
from zoo.data.datasets import Dataset, load
from zoo.data.named_classes import names_or_numbers
from zoo.devices import on_devices
from zoo.files import read_json
from zoo.layers import RandomizePruned
from zoo.layers.arguments import positive_int
from zoo.recipes.reporting.folders import Folder, check_same, claimed
from zoo.recipes.reporting.results import add_results, environment
from zoo.recipes.training.absolute_paths import absolute, with_absolute_paths
from zoo.recipes.training.checkpoint import Checkpoint, restore
from zoo.recipes.training.cosine_per_epoch import CosinePerEpoch
from zoo.recipes.training.evaluate import evaluate
from zoo.recipes.training.frozen_embedding import take_frozen_embedding
from zoo.recipes.training.linear_warmup import LinearWarmup
from zoo.recipes.training.longer import lengthen, say_longer
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.training.run_config import numbers_of_examples
from zoo.recipes.training.start_from import start_from, with_options_of_start
from zoo.recipes.training.state import SavedState, finished_rows, has_weights
from zoo.recipes.training.watch_coins import WatchCoins
from zoo.stop_signals import Stopped, noted


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    data_dir: str | None = None,
    resume: bool = False,
    max_minutes: float | None = None,
    devices: int | None = None,
    verbose: int | str = "auto",
) -> list[dict[str, Any]]:
    """Train a recipe and evaluate it on the test split.

    Writes to `out`: `config.json` (the recipe and the environment), `log.csv` and `tensorboard/`, `best.weights.h5`
    (largest validation random accuracy) and `last.weights.h5`, `state-*.weights.h5` with `state.json` (to resume, and
    of one state before), and at the end `results.jsonl`. Ctrl-C, SIGTERM and `max_minutes` save the state and raise
    `Stopped`; a killed run goes on from the state saved last, at most five minutes old. A resumed run ends as it would
    have without the stop. One process at a time has the folder. A damaged state is refused, or the one before it taken.

    A run, finished or not, is resumed with more epochs by a recipe that differs in `epochs` only. It goes on from its
    state as a run of so many epochs would: at a constant learning rate it ends with the same bits. A cosine is that of
    all the epochs from there on, so that the rate rises anew where it had fallen to 0. `config.json` has the new
    `epochs`, and under `continued` those before and the epoch at which it went on.

    Args:
        recipe: What to train.
        out: Folder of the run.
        data_dir: Folder of the TensorFlow datasets; None is TFDS's own default.
        resume: Go on with the run in `out`, also to more epochs; a folder without one starts afresh.
        max_minutes: Stop after that many minutes, > 0.
        devices: Positive int, devices of this machine that share every batch; JAX only. The run is the same to a few
            roundings, and may be resumed on another number of them.
        verbose: Keras's `verbose` of `fit`.

    Returns:
        The result lines written to `results.jsonl`.

    Raises:
        ValueError: If `out` holds another run, one that another process trains or one whose states are damaged, or
            its data have changed, or data or model refuse the recipe, or there are not so many devices.
        OSError: If a file cannot be written, or `out` has vanished; the state saved last stays as it is.
        Stopped: If the run was stopped before its end.
    """
    if max_minutes is not None and not max_minutes > 0:
        raise ValueError(f"`max_minutes` must be > 0. Received: max_minutes={max_minutes!r}")
    if devices is not None and recipe.batch_size % positive_int("devices", devices):
        raise ValueError(f"`devices` must divide the batch size, {recipe.batch_size}. Received: devices={devices!r}")
    with on_devices(devices):
        return _train(recipe, Path(out), data_dir, resume, max_minutes, verbose)


def _train(recipe: Recipe, out: Path, data_dir, resume: bool, max_minutes, verbose) -> list[dict[str, Any]]:
    started = time.monotonic()
    recipe = with_absolute_paths(recipe)
    data = load(recipe.data, data_dir, **recipe.loading())
    recipe = with_options_of_start(recipe, sizes_of(data))
    model = build(recipe, data, started=resume and has_weights(out))
    check_split(model, data.train)
    with _claimed(out, recipe, data, resume) as folder:
        _check_data(folder, data)
        saved = SavedState(folder)
        state = saved.read()
        longer = lengthen(folder, recipe, state)
        rows = finished_rows(out, recipe.epochs, state)
        if rows is None:
            state.pop("results", None)
            restore(model, folder, saved, state)
            if longer:
                say_longer(model, recipe, state)
            with _stop_requests(started, max_minutes) as asked_to_stop:
                _fit(model, recipe, data, Checkpoint(folder, saved, state, asked_to_stop), verbose)
            rows = evaluate(model, data.test, recipe.samples, recipe=recipe.name, data=recipe.data, seed=recipe.seed)
            saved.replace({**state, "results": rows})
        folder.check()
        add_results(out / "results.jsonl", rows)
    return rows


def sizes_of(data: Dataset) -> dict[str, Any]:
    """Options of a model that data decide."""
    return {"input_shape": data.input_shape, "classes": data.classes}


def build(recipe: Recipe, data: Dataset, *, started: bool = False) -> keras.Model:
    """The recipe's model, compiled; input shape and classes are the data's, unless the recipe has more classes.

    Args:
        recipe: The recipe.
        data: Its data.
        started: Whether a state will replace the weights, so that those of `start_from` are not loaded.

    Raises:
        ValueError: If the recipe has fewer classes than the data, or the model refuses its options or weights.
    """
    recipe = with_options_of_start(recipe, sizes_of(data))
    options = {**sizes_of(data), **recipe.options}
    if positive_int("classes", options["classes"]) < data.classes:
        raise ValueError(
            f"`classes` must be at least those of the data, {data.classes} in {recipe.data!r}. "
            f"Received: classes={options['classes']!r}"
        )
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    try:
        model = zoo.build(recipe.model, seed=recipe.seed, **options)
    finally:
        keras.config.set_dtype_policy(before)
    if recipe.start_from is not None and not started:
        start_from(model, recipe, options, names_or_numbers(data.class_names, data.classes))
    if recipe.frozen_from is not None:
        take_frozen_embedding(model, recipe.frozen_from)
    updates = -(-len(data.train.x) // recipe.batch_size)
    model.compile(_optimizer(recipe, updates), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _optimizer(recipe: Recipe, updates_per_epoch: int) -> keras.optimizers.Optimizer:
    rate: Any = recipe.learning_rate
    # A few updates in all: one at least is none of the warm-up's, which rounds up.
    warmup = min(round(recipe.warmup_epochs * updates_per_epoch), recipe.epochs * updates_per_epoch - 1)
    if recipe.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, recipe.epochs * updates_per_epoch - warmup)
    if recipe.schedule == "cosine_per_epoch":
        rate = CosinePerEpoch(rate, recipe.epochs - recipe.warmup_epochs, updates_per_epoch, recipe.final_epochs)
    if warmup:
        rate = LinearWarmup(rate, warmup)
    return keras.optimizers.SGD(rate, recipe.momentum) if recipe.optimizer == "sgd" else keras.optimizers.Adam(rate)


def _fit(model, recipe: Recipe, data: Dataset, checkpoint: Checkpoint, verbose) -> None:
    state = checkpoint.state
    callbacks: list[keras.callbacks.Callback] = [checkpoint]
    if recipe.randomize_period is not None:
        callbacks.insert(0, RandomizePruned(recipe.randomize_period, recipe.randomize_rate, recipe.seed))
    if has_coins(model):
        callbacks.insert(0, WatchCoins(data.train.x))
    validation = None
    if len(data.val.x):
        validation = fit_input(Batches(data.val.x, data.val.y, recipe.batch_size, shuffle=False))
    verbose = ("auto" if sys.stdout.isatty() else 2) if verbose == "auto" else verbose
    while state["epoch"] < recipe.epochs:
        batches = Batches(
            data.train.x,
            data.train.y,
            recipe.batch_size,
            augment=recipe.augment,
            seed=recipe.seed,
            epoch=state["epoch"],
            start=state["batch"],
        )
        with plain_errors():
            model.fit(
                fit_input(batches),
                validation_data=validation,
                initial_epoch=state["epoch"],
                epochs=recipe.epochs,  # Checkpoint ends the fit with its epoch: the next one has batches of its own
                callbacks=callbacks,
                shuffle=False,
                verbose=verbose,
            )


def _claimed(out: Path, recipe: Recipe, data: Dataset, resume: bool) -> AbstractContextManager[Folder]:
    """Claim the folder of the run, with `config.json`."""
    return claimed(
        out,
        "config.json",
        {"recipe": recipe.to_dict(), **_recorded(data), **environment()},
        _identity,
        what=f"The run in {str(out)!r} has",
        new="" if resume else f"`out` holds a run already: pass --resume to go on with it. Received: out={str(out)!r}",
    )


def _recorded(data: Dataset) -> dict[str, Any]:
    """What `config.json` says of the data."""
    return {**sizes_of(data), "class_names": data.class_names, "examples": numbers_of_examples(data)}


def _check_data(folder: Folder, data: Dataset) -> None:
    """Refuse data that have changed since the run began: labels or the examples held out would be others.

    Earlier runs do not know all of it.
    """
    before = read_json(folder.path / "config.json")
    now = {key: value for key, value in _recorded(data).items() if key in before}
    check_same(before, now, f"The data have changed: the run in {str(folder.path)!r} began with")


def _identity(config: dict[str, Any]) -> dict[str, Any]:
    """Settings that a resumed run may not change: not the epochs, which `lengthen` looks at."""
    recipe = {key: value for key, value in config["recipe"].items() if key != "epochs"}
    return {**recipe, "data": absolute(recipe["data"]), "backend": config["backend"]}  # earlier runs have it as typed


@contextmanager
def _stop_requests(started: float, max_minutes: float | None):
    """Give a function that says why to stop; a second signal of the same kind acts at once."""
    asked: list[str] = []

    def note(name: str) -> None:
        asked.append(name)
        print(f"\n{name}: saving the state after this batch", file=sys.stderr, flush=True)

    def why() -> str | None:
        if asked:
            return asked[0]
        late = max_minutes is not None and time.monotonic() - started > 60 * max_minutes
        return "max_minutes" if late else None

    with noted(note):
        yield why


__all__ = ["Stopped", "build", "train"]
