"""A tiny model after batches: its weights tell which ones came, and in which order."""

import numpy as np


def weights_after(model, batches):
    """Train a compiled model on batches, and return its weights."""
    for x, y in batches:
        model.train_on_batch(x, y)
    return model.get_weights()


def assert_close(model, weights):
    """Compare a model's weights with others, but for roundings."""
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
