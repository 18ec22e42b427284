"""Parts: the splits that data bring themselves, and how the missing ones are held out of the training examples."""

import numbers
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from zoo.data.lazy_images import LazyImages
from zoo.data.split import Split


class Parts(NamedTuple):
    """Splits of a data set as it is stored; None is one that it does not have."""

    train: Split
    val: Split | None
    test: Split | None

    def each(self, function: Callable[[Split, str], Split]) -> "Parts":
        """Apply a function of a split and its name to those that there are."""
        train = function(self.train, "training")
        val = None if self.val is None else function(self.val, "validation")
        test = None if self.test is None else function(self.test, "test")
        return Parts(train, val, test)


def check_share(name: str, value: Any) -> None:
    """Raise a `ValueError` unless this is None, a number of examples or a fraction of them."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    limit = float("inf") if isinstance(value, numbers.Integral) else 1
    if value is not None and not (number and 0 <= float(value) < limit):
        raise ValueError(f"`{name}` must be None, an int >= 0 or a float in [0, 1). Received: {name}={value!r}")


def completed(parts: Parts, name: Any, validation: Any, test: Any, seed: int) -> tuple[Split, Split, Split]:
    """Train, validation and test; what is missing is held out of train, see `zoo.data.load`."""
    train, val, testing = parts
    if testing is None and val is not None:
        warnings.warn(
            f"{str(name)!r} has no test split: its validation examples are the test split, and others are held out of "
            "train for validation. Call them test, or add a test split and keep them for validation",
            stacklevel=3,
        )
        val, testing = None, val
    if testing is None:
        train, testing = _hold_out(train, "test", test, _by_class(train.y, np.random.default_rng([seed, 1])))
    if val is None:
        order = np.random.default_rng(seed).permutation(len(train.y))
        train, val = _hold_out(train, "validation", validation, order)
    return train, val, testing


def taken(split: Split, rows: np.ndarray) -> Split:
    """Those examples of a split."""
    x = split.x.take(rows) if isinstance(split.x, LazyImages) else split.x[rows]
    return Split(x, split.y[rows], split.class_names)


def _hold_out(train: Split, name: str, share: Any, order: np.ndarray) -> tuple[Split, Split]:
    """The other examples and the first ones of an order, each as stored."""
    total = len(train.y)
    if share is None:
        share = 5000 if total >= 50000 else 0.1
    if isinstance(share, numbers.Integral) or share == 0:
        count = int(share)
    else:
        count = min(max(1, round(total * float(share))), total - 1)
    if count >= total:
        raise ValueError(f"`{name}` must be below {total} training examples. Received: {name}={share!r}")
    held, kept = np.sort(order[:count]), np.sort(order[count:])
    return taken(train, kept), taken(train, held)


def _by_class(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Order of the examples in which every beginning has the share of each class, to less than one example."""
    order = rng.permutation(len(y))
    place = np.empty(len(y))
    for label in np.unique(y):
        rows = order[y[order] == label]
        place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return order[np.argsort(place[order], kind="stable")]
