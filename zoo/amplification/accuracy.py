"""Amplified use of a coin-flipping model: another number of flips, another vote, and what it is worth."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np

from zoo.amplification.amplified import VOTES, chunk_or_default, coins_off
from zoo.amplification.halves import coin_graph, flipping_graph
from zoo.data.batches import Batches, fit_input
from zoo.data.lazy_images import LazyImages, as_images
from zoo.graph import check_one_input
from zoo.layers.arguments import one_of, positive_int
from zoo.layers.majority_vote import ballots, elect


class RandomAccuracy(NamedTuple):
    """Share of examples whose vote is right, with its Wilson interval.

    Attributes:
        accuracy: In [0, 1], `correct / n`.
        low: Lower end of the interval, in [0, 1].
        high: Upper end, in [0, 1].
        correct: Int, examples whose vote is their label.
        n: Int, examples.

    Example:
        >>> found = zoo.RandomAccuracy(0.9, 0.8256, 0.9448, 90, 100)
        >>> found.low < found.accuracy < found.high
        True
    """

    accuracy: float
    low: float
    high: float
    correct: int
    n: int


def flips(model: keras.Model, x, samples: int = 100, *, batch_size: int = 32, chunk: int | None = None) -> np.ndarray:
    """Return the class of every flip, coins on.

    Args:
        model: A coin-flipping model.
        x: Array `(examples, ...)` or `LazyImages`.
        samples: Positive int, flips per example.
        batch_size: Positive int, examples per batch.
        chunk: Positive int; at most `batch_size * chunk` rows are evaluated at once. None as in `amplify`.

    Returns:
        int64 array `(examples, samples)`.

    Raises:
        ValueError: If an argument is outside its range, `model` has several inputs, or `x` is empty or has NaN.

    Example:
        >>> model = zoo.build("resnet20_cfnn", depth=8, input_shape=(8, 8, 1), samples=5, seed=0)
        >>> zoo.flips(model, np.ones((2, 8, 8, 1)), samples=7).shape
        (2, 7)
    """
    check_one_input(model)
    return np.concatenate([logits.argmax(-1) for logits in flip_logits(model, x, samples, batch_size, chunk)])


def random_accuracy(
    model: keras.Model,
    x,
    y,
    samples: int | Sequence[int] = 100,
    vote: str = "majority",
    *,
    confidence: float = 0.95,
    batch_size: int = 32,
    chunk: int | None = None,
) -> RandomAccuracy | list[RandomAccuracy]:
    """Measure the empirical random accuracy: the share of examples whose vote is the label.

    Args:
        model: A coin-flipping model; with `vote="expected"` any model that gives class scores.
        x: Array `(examples, ...)` or `LazyImages`.
        y: Integer labels, `(examples,)` or `(examples, 1)`.
        samples: Flips per example; a sequence of numbers is answered from the same flips, the first n of them each.
        vote: `"majority"`, `"mean"` or `"expected"` (coins off; `samples` is then ignored).
        confidence: In (0, 1), of the Wilson interval over examples.
        batch_size: Positive int, examples per batch.
        chunk: Positive int; at most `batch_size * chunk` rows are evaluated at once. None as in `amplify`.

    Returns:
        One `RandomAccuracy`, or a list of them for a sequence of `samples`.

    Raises:
        ValueError: If an argument is outside its range, `model` has several inputs, `x` has NaN, or `x` and `y` differ
            in length.

    Reference: Coin-Flipping Neural Networks, Definition 2.1.

    Example:
        >>> model = zoo.build("resnet20_cfnn", weights="digits", seed=0)
        >>> test = zoo.data.load("digits").test
        >>> one, five = zoo.random_accuracy(model, test.x[:50], test.y[:50], samples=[1, 5])
        >>> one.n, five.accuracy > 0.9
        (50, True)
    """
    check_one_input(model)
    one_of("vote", vote, VOTES)
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must be in (0, 1). Received: confidence={confidence!r}")
    x, y = as_images(x), np.asarray(y).reshape(-1)
    if len(x) != len(y):
        raise ValueError(f"`y` must have one label per example. Received: {len(x)} examples and {len(y)} labels")
    wanted = list(samples) if isinstance(samples, Sequence) else [samples]
    if not wanted:
        raise ValueError(f"`samples` must be a positive int or several. Received: samples={samples!r}")
    predicted = _predicted(model, x, wanted, vote, batch_size, chunk)
    results = [wilson(int(np.sum(row == y)), len(y), confidence) for row in predicted]
    return results[0] if isinstance(samples, int | np.integer) else results


def _predicted(model, x, wanted: list[int], vote: str, batch_size: int, chunk: int | None) -> np.ndarray:
    """Voted classes `(len(wanted), examples)`."""
    for samples in wanted:
        positive_int("samples", samples)
    if vote == "expected":
        x = _check_images(x)
        if isinstance(x, LazyImages):
            ordered = fit_input(Batches(x, np.zeros(len(x)), batch_size, shuffle=False))
            plain = coins_off(model).predict(ordered, verbose=0)
        else:
            plain = coins_off(model).predict(x, batch_size=batch_size, verbose=0)
        return np.tile(plain.argmax(-1), (len(wanted), 1))
    batches = flip_logits(model, x, max(wanted), batch_size, chunk)
    temperature = coin_graph(model).majority.temperature
    return np.concatenate([voted(logits, wanted, vote, temperature) for logits in batches], axis=1)


def voted(logits: np.ndarray, wanted: Sequence[int], vote: str, temperature: float) -> np.ndarray:
    """Voted classes `(len(wanted), batch)` of the first n flips of `(batch, samples, classes)`, for each n."""
    last = np.asarray(wanted) - 1
    flips = (last[:, None] + 1).astype(logits.dtype)
    hard, soft = (np.cumsum(_numpy(one), axis=1)[:, last] / flips for one in ballots(logits, temperature))
    elected = elect(keras.ops.convert_to_tensor(hard), keras.ops.convert_to_tensor(soft), vote)
    return _numpy(elected).argmax(-1).T


def flip_logits(
    model: keras.Model, x, samples: int, batch_size: int = 32, chunk: int | None = None
) -> Iterator[np.ndarray]:
    """Logits `(batch, samples, classes)` of each batch, evaluated at most `batch_size * chunk` rows at a time."""
    x = _check_images(x)
    graph = flipping_graph(model)
    rows = min(positive_int("batch_size", batch_size), len(x))
    each = -(-positive_int("samples", samples) // -(-samples // chunk_or_default(chunk, graph)))
    for start in range(0, len(x), rows):
        batch = x[start : start + rows]
        padded = np.concatenate([batch, batch[:1].repeat(rows - len(batch), axis=0)])  # one shape, one compilation
        flipped = graph.rows(keras.tree.flatten(graph.prefix.predict_on_batch(padded)), each)
        calls = [graph.suffix.predict_on_batch(flipped) for _ in range(-(-samples // each))]
        drawn = [logits.reshape(rows, each, -1)[: len(batch)] for logits in calls]
        yield np.concatenate(drawn, axis=1)[:, :samples].astype("float32")


def _check_images(x):
    x = as_images(x)
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"`x` must hold at least one example. Received: x of shape {x.shape}")
    if np.issubdtype(x.dtype, np.floating) and not np.isfinite(x).all():
        count = int((~np.isfinite(x)).sum())
        raise ValueError(f"`x` must be finite. Received: x with infinities or NaN in {count} values")
    return x


def _numpy(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def wilson(correct: int, n: int, confidence: float = 0.95) -> RandomAccuracy:
    """Return the accuracy of `correct` of `n` examples with its Wilson interval."""
    from scipy.stats import binomtest  # SciPy is slow to import and only needed here

    low, high = binomtest(correct, n).proportion_ci(confidence, method="wilson")
    return RandomAccuracy(correct / n, float(low), float(high), correct, n)
