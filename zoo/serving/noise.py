"""Noise: the coins of an exported model where they are its inputs, and numbers that follow their laws."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zoo.files import read_json
from zoo.layers.arguments import int_at_least, positive_int
from zoo.layers.random_input import BELOW_ONE

FILE = "model.json"


class Noise(NamedTuple):
    """One input of random numbers, independent of each other.

    Attributes:
        name: Name of the input.
        dtype: "bool", "int32", "float32" or another of NumPy's.
        shape: Lengths; if `times_batch`, the first is that of one example, and of a batch as many times as much.
        times_batch: Whether the first axis grows with the batch; else all examples share the numbers.
        law: "bernoulli", True with probability `p`; "uniform", in [0, 1); "normal", of mean 0 and variance 1; or
            "integers", from `low` to below `high`.
        p: Probability, 0 where it means nothing.
        low: Least integer.
        high: Integer above the largest.

    Example:
        >>> from zoo.serving.noise import Noise
        >>> coins = Noise("noise_dropout", "bool", (25, 8), True, "bernoulli", p=0.5)
        >>> coins.batch_shape, coins.shape_of(4)
        ((None, 8), (100, 8))
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    times_batch: bool
    law: str
    p: float = 0.0
    low: int = 0
    high: int = 0

    @property
    def batch_shape(self) -> tuple[int | None, ...]:
        """Shape for any batch: None is a first axis that grows with it."""
        return (None, *self.shape[1:]) if self.times_batch else self.shape

    def shape_of(self, batch: Any) -> tuple[Any, ...]:
        """Shape for a number of examples, an int or a TensorFlow scalar."""
        return (self.shape[0] * batch, *self.shape[1:]) if self.times_batch else self.shape


def read_noise(path: str | os.PathLike) -> list[Noise]:
    """Read the random inputs of a model that `zoo.export(..., coins="input")` wrote.

    Args:
        path: The folder that was written.

    Raises:
        FileNotFoundError: If there is no such folder, or it was written otherwise.
        ValueError: If its `model.json` is damaged.

    Example:
        >>> from zoo.serving.noise import read_noise
        >>> folder = zoo.export(zoo.build("ball_cfnn", samples=3, seed=0), "with_noise", coins="input")
        >>> [one.law for one in read_noise(folder)]
        ['bernoulli', 'normal']
    """
    found = [file for file in (Path(path) / FILE, Path(path) / "assets" / FILE) if file.is_file()]
    if not found:
        raise FileNotFoundError(f"`path` must be a folder of zoo.export with {FILE}. Received: path={str(path)!r}")
    about = read_json(found[0], {"coins": str, "noise": list})
    if about["coins"] != "input":
        raise FileNotFoundError(
            f'`path` must be a folder of zoo.export(..., coins="input"), this one has coins={about["coins"]!r}. '
            f"Received: path={str(path)!r}"
        )
    try:
        return [Noise(**{**row, "shape": tuple(row["shape"])}) for row in about["noise"]]
    except (TypeError, KeyError) as error:
        raise ValueError(f"{str(found[0])!r} does not describe noise: {error}") from error


def draw(noise: Sequence[Noise], batch: int, seed: int | None = None) -> dict[str, np.ndarray]:
    """Draw the random inputs of a batch.

    The computation is NumPy's. Without zoo, draw as the folder's `model.json` says: `rng.random(shape) < p` for the law
    "bernoulli", `rng.integers(low, high, shape)` for "integers", `rng.random(shape)` for "uniform" and
    `rng.standard_normal(shape)` for "normal", in the dtype that it names.

    Args:
        noise: The inputs, as `read_noise` returns them.
        batch: Positive int, examples of the batch.
        seed: None (from the system's entropy) or int >= 0.

    Returns:
        Arrays by the names of the inputs, each of its shape with `batch` examples.

    Raises:
        ValueError: If `batch` or `seed` is out of range.

    Example:
        >>> from zoo.serving.noise import Noise, draw
        >>> coins = Noise("noise_dropout", "bool", (25, 8), True, "bernoulli", p=0.5)
        >>> drawn = draw([coins], batch=4, seed=0)
        >>> drawn["noise_dropout"].shape, drawn["noise_dropout"].dtype
        ((100, 8), dtype('bool'))
    """
    batch = positive_int("batch", batch)
    rng, drawn = np.random.default_rng(None if seed is None else int_at_least("seed", seed)), {}
    for one in noise:
        shape = one.shape_of(batch)
        if one.law == "bernoulli":
            numbers = rng.random(shape, "float32") < one.p
        elif one.law == "integers":
            numbers = rng.integers(one.low, one.high, shape)
        elif one.law == "uniform":
            numbers = np.minimum(rng.random(shape, "float32"), np.float32(BELOW_ONE.get(one.dtype, 1)))
        else:
            numbers = rng.standard_normal(shape, "float32")
        drawn[one.name] = numbers.astype(one.dtype)
    return drawn
