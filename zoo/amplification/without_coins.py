"""Outputs of a model with its coins off, which are made sure to be off."""

import keras
import numpy as np

from zoo.amplification.amplified import coins_off
from zoo.data.batches import Batches, fit_input
from zoo.data.lazy_images import LazyImages
from zoo.graph import describe
from zoo.layers.arguments import positive_int
from zoo.layers.coins import coin_states, layer_that_draws


def without_coins(model: keras.Model, x, batch_size: int) -> np.ndarray:
    """Return a model's only output for checked examples with every coin at its mean.

    Raises:
        ValueError: If coins flip all the same, or the outputs are not finite.
    """
    plain = coins_off(model)
    states = coin_states(plain)
    before = [keras.ops.convert_to_numpy(state.value) for state in states]
    if isinstance(x, LazyImages):
        found = plain.predict(fit_input(Batches(x, np.zeros(len(x)), batch_size, shuffle=False)), verbose=0)
    else:
        found = plain.predict(x, batch_size=positive_int("batch_size", batch_size), verbose=0)
    for state, value in zip(states, before, strict=True):
        if (keras.ops.convert_to_numpy(state.value) != value).any():
            raise ValueError(
                f"`model` flips coins that cannot be switched off. Received: {describe(model)}, whose layer "
                f"{layer_that_draws(plain, state).name!r} draws random numbers at inference, too"
            )
    (found,) = keras.tree.flatten(found)  # of a dict, too
    if not np.isfinite(found.max(axis=-1)).all():
        bad = int((~np.isfinite(found.max(axis=-1))).sum())
        raise ValueError(f"`model` must give finite numbers. Received: NaN or infinities in {bad} of {len(found)} rows")
    return found
