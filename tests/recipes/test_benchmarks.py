"""Benchmarks compare what computes the same: the sides that are built by hand, at small sizes."""

import numpy as np
import pytest

import zoo
from zoo.recipes.benchmarks.amplified_predict import FLIPS, variants

X = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype("uint8")


@pytest.mark.on_tensorflow
def test_every_variant_of_amplified_inference_counts_votes():
    model = zoo.build("resnet20_cfnn", depth=8, input_shape=(8, 8, 1), samples=FLIPS, seed=0)
    for name, run in variants(model).items():
        votes = run(X)
        assert votes.shape == (4, 10), name
        np.testing.assert_allclose(votes.sum(1), 1, atol=1e-6)
        flips = 10 * FLIPS if str(10 * FLIPS) in name else FLIPS
        np.testing.assert_allclose(votes * flips, np.round(votes * flips), atol=1e-3)
