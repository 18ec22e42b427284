"""What tests of several layers share."""

import contextlib
import math

import keras
import numpy as np
import pytest


@pytest.fixture(scope="session")
def brute():
    """Function that gives the mask by definition: the first n - floor(p n) of a stable descending sort are kept."""

    def mask_of(scores, sparsity, score_transform="none"):
        values = np.asarray(scores, "float64").reshape(-1)
        values = np.abs(values) if score_transform == "abs" else values
        mask = np.zeros(values.size)
        mask[np.argsort(-values, kind="stable")[: values.size - math.floor(sparsity * values.size)]] = 1
        return mask.reshape(np.shape(scores))

    return mask_of


@pytest.fixture
def wide_floats():
    """JAX has no 64 bits unless it is asked for them."""
    context = contextlib.nullcontext()
    if keras.backend.backend() == "jax":
        import jax

        context = jax.enable_x64(True)
    with context:
        yield
