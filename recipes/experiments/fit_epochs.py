"""Training on examples that may change every epoch, in an order that the seed decides."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

Examples = tuple[Sequence[np.ndarray], np.ndarray]  # the model's inputs and the targets, all of one length

_STEPS = 30  # per call: of a tiny network's step on MNIST, a third of the time on two cores was the call
_EVALUATED = 1000  # examples at once where nothing is trained


def compiled(model: keras.Model, optimizer: Any, loss: Any, metrics: Sequence[str] = ()) -> keras.Model:
    """Compile a model, on TensorFlow with many steps per call, which changes no result, and return it."""
    steps = _STEPS if keras.backend.backend() == "tensorflow" else 1
    model.compile(optimizer, loss, metrics=list(metrics), steps_per_execution=steps)
    return model


def fit_epochs(
    model: keras.Model,
    draw: Callable[[int], Examples],
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    after_epoch: Callable[[], None] = lambda: None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> float:
    """Train a compiled model and return the mean loss over the last epoch.

    Args:
        model: A compiled model.
        draw: Function from the number of the epoch, counted from 0, to its examples.
        epochs: Passes, >= 1.
        batch_size: Examples per update; the last batch of an epoch may be smaller.
        seed: Int in [0, 2**32), decides the order of the examples; every epoch has another order.
        after_epoch: Called after each epoch.
        callbacks: Callbacks of `fit`, which is called once per epoch.
    """
    loss = float("nan")
    for epoch in range(epochs):
        inputs, targets = draw(epoch)
        order = np.random.default_rng([seed, epoch]).permutation(len(targets))
        shuffled = [x[order] for x in inputs]
        history = model.fit(
            shuffled if len(shuffled) > 1 else shuffled[0],
            targets[order],
            batch_size=batch_size,
            initial_epoch=epoch,
            epochs=epoch + 1,
            callbacks=list(callbacks),
            shuffle=False,  # Keras's own order is not seeded
            verbose=0,
        )
        loss = float(history.history["loss"][0])
        after_epoch()
    return loss


def evaluated(model: keras.Model, inputs: Any, targets: np.ndarray) -> dict[str, float]:
    """Loss and metrics of a compiled model on examples; the accuracy of a training that diverged is NaN."""
    found = model.evaluate(inputs, targets, batch_size=_EVALUATED, verbose=0, return_dict=True)
    if "accuracy" in found:
        # Keras has a float32. Classes of a network that diverged mean nothing.
        found["accuracy"] = round(found["accuracy"], 7) if math.isfinite(found["loss"]) else math.nan
    return found
