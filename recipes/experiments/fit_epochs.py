"""Train on data that may be drawn anew every epoch, in an order that the seed decides."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

Examples = tuple[Sequence[np.ndarray], np.ndarray]  # the model's inputs and the targets, all of one length

_STEPS = 30  # of tiny networks, called at once: a third of the time of an MNIST step on two cores was the calls


def compiled(model: keras.Model, optimizer: Any, loss: Any, metrics: Sequence[str] = ()) -> keras.Model:
    """The model, compiled; on TensorFlow with many steps per call. The result of the training is the same."""
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
        draw: Function of the epoch, from 0: its examples.
        epochs: Passes, >= 1.
        batch_size: Examples per update; the last batch of an epoch may be smaller.
        seed: Int in [0, 2**32): the order of the examples, another one in each epoch.
        after_epoch: Called after each epoch.
        callbacks: For `fit`, which is called once per epoch.
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
