"""The mask by definition, which the fast selection is tested against."""

import math

import numpy as np
import pytest


@pytest.fixture(scope="session")
def brute():
    """Function of scores, sparsity and transform: keep the first n - floor(p n) of a stable descending sort."""

    def mask_of(scores, sparsity, score_transform="none"):
        values = np.asarray(scores, "float64").reshape(-1)
        values = np.abs(values) if score_transform == "abs" else values
        mask = np.zeros(values.size)
        mask[np.argsort(-values, kind="stable")[: values.size - math.floor(sparsity * values.size)]] = 1
        return mask.reshape(np.shape(scores))

    return mask_of
