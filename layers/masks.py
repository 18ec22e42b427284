"""topk_mask: exactly as many of a tensor's largest scores as asked for, found without sorting them."""

import contextlib
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.layers.arguments import one_of, proper_fraction
from zoo.layers.largest import largest, window

SCORE_TRANSFORMS = ("none", "abs")


def kept(size: int, sparsity: float) -> int:
    """Number of scores, out of `size`, that are kept: size - floor(sparsity * size)."""
    return size - math.floor(sparsity * size)


def topk_mask(scores: Any, sparsity: float, score_transform: str = "none"):
    """Mask of the largest scores: 1 where kept, 0 where pruned; the gradient passes straight through to every score.

    Exactly `n - floor(sparsity * n)` of the n scores are kept. Among equal scores the first ones in row-major order
    are kept. The threshold is found by a few counts over the tensor, beginning with guesses from a small sorted sample.

    Args:
        scores: Float tensor of any static shape with at least one element.
        sparsity: Float in [0, 1), the fraction of scores that is pruned.
        score_transform: "none" ranks the scores themselves (IteRand), "abs" their magnitudes (edge-popup's code).

    Returns:
        Zeros and ones in the scores' shape and dtype. The gradient of an element is 1, or for "abs" the score's sign.

    Raises:
        ValueError: If an argument is out of range, or a score is NaN. A compiled function cannot raise: a NaN score
            then makes the whole mask NaN, and the loss with it.

    Reference: IteRand, Algorithm 2 (CalculateMask); What's Hidden in a Randomly Weighted Neural Network?, section 3.

    Example:
        >>> scores = np.array([0.5, 3.0, -2.0, 1.0], "float32")
        >>> keras.ops.convert_to_numpy(layers.topk_mask(scores, sparsity=0.5)).tolist()
        [0.0, 1.0, 0.0, 1.0]
        >>> keras.ops.convert_to_numpy(layers.topk_mask(scores, sparsity=0.5, score_transform="abs")).tolist()
        [0.0, 1.0, 1.0, 0.0]
    """
    sparsity = proper_fraction("sparsity", sparsity)
    one_of("score_transform", score_transform, SCORE_TRANSFORMS)
    scores = ops.convert_to_tensor(scores)
    size = 0 if None in scores.shape else math.prod(scores.shape)
    if not keras.backend.is_float_dtype(scores.dtype) or not size:
        raise ValueError(
            "`scores` must be floats of a static shape with at least one element. "
            f"Received: shape {tuple(scores.shape)}, {scores.dtype}"
        )
    ranked = ops.abs(scores) if score_transform == "abs" else scores
    return ops.reshape(_straight_through(ops.reshape(ranked, (-1,)), kept(size, sparsity)), scores.shape)


def _straight_through(ranked, keep: int):
    """Ones at the `keep` largest of a vector, NaN everywhere if one of them is NaN, with the vector's gradient."""

    @ops.custom_gradient
    def mask(ranked):
        found, has_nan = largest(ranked, keep)
        with contextlib.suppress(TypeError):  # while a compiled function is traced there is no value yet
            _refuse_nan(bool(has_nan))
        dtype = ranked.dtype
        nans = ops.cast(math.nan, dtype)
        return ops.cond(has_nan, lambda: ops.full_like(ranked, nans), lambda: ops.cast(found, dtype)), _pass

    return mask(ranked)


def _pass(*arguments, upstream=None):
    return arguments[-1] if upstream is None else upstream


def topk_mask_numpy(scores: np.ndarray, sparsity: float, score_transform: str = "none") -> np.ndarray:
    """Compute `topk_mask` on the host: a bool array, True where the score is kept.

    Args:
        scores: Array of floats, of any shape with at least one element.
        sparsity: See `topk_mask`.
        score_transform: See `topk_mask`.

    Returns:
        A bool array of the scores' shape.

    Raises:
        ValueError: If an argument is out of range, or a score is NaN.
    """
    sparsity = proper_fraction("sparsity", sparsity)
    flat = np.asarray(scores).reshape(-1)
    flat = np.abs(flat) if one_of("score_transform", score_transform, SCORE_TRANSFORMS) == "abs" else flat
    _refuse_nan(bool(np.isnan(flat).any()))
    keep = kept(flat.size, sparsity)
    threshold = _of_rank(flat, flat.size - keep)
    mask, ties = flat > threshold, np.flatnonzero(flat == threshold)
    mask[ties[: keep - int(mask.sum())]] = True
    return mask.reshape(np.shape(scores))


def _of_rank(values: np.ndarray, rank: int):
    """Return the value of that rank, from 0 for the least; one between two quantiles of a sample, most likely."""
    stride, *ranks = window(values.size, rank, 16384)
    low, high = np.partition(values[::stride], ranks)[ranks]
    rank_between = rank - np.count_nonzero(values < low)
    between = values[np.flatnonzero((values >= low) & (values <= high))]
    if not 0 <= rank_between < between.size:
        between, rank_between = values, rank
    return np.partition(between, rank_between)[rank_between]


def _refuse_nan(found: bool) -> None:
    if found:
        raise ValueError("`scores` must not be NaN. Received: scores with NaN")
