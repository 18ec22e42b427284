"""Votes of a SavedModel over a data set of any size, on the actors of Ray Data."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo.layers.arguments import int_where, positive_int
from zoo.layers.seeds import optional_seed

VOTES = "votes"  # column of the histograms
_BLOCK = 100_000  # flips whose float32 shares are counts to a tenth, a tie's lift of 1e-6 included
_LIFT = 0.04  # more than what lifts the winner of a tie, 2**-5 in bfloat16


def vote_dataset(
    saved_model: str | os.PathLike,
    dataset: Any,
    samples: int = 100,
    *,
    column: str = "image",
    index: str = "index",
    batch_size: int = 64,
    block: int = 100,
    seed: int = 0,
    actors: int = 2,
    cpus: int = 1,
) -> Any:
    """Let every example of a Ray data set be voted on; each actor holds the SavedModel and works on its own.

    Votes do not depend on who counts them. Row number `i` of the data set is always example `i % batch_size` of batch
    `i // batch_size`, and the coins of a batch's block of flips start from (seed, batch, block). An actor that was
    killed, and runs again elsewhere, or another number of actors, gives the same histograms.

    The result is lazy, as all of Ray Data: write it by `write_parquet`, or iterate over it.

    Args:
        saved_model: Folder that `zoo.export` wrote, of a model with coins and one output, its vote on classes or
            labels; every machine must see it.
        dataset: A `ray.data.Dataset`.
        samples: Positive int, flips per example.
        column: Column of the examples.
        index: Column of their numbers, different ints >= 0, as `zoo.serving.vote_dataset.numbered` makes. A batch is
            voted on once where its numbers come in one block, as sorted ones do.
        batch_size: Positive int, examples voted on at once. It belongs to what the seed decides, as `block` does.
        block: Int in [1, 100,000], flips of a batch whose coins have a start of their own.
        seed: Int in [0, 2**32).
        actors: Positive int, processes.
        cpus: Positive int, cores of each.

    Returns:
        The data set with a further column `votes`, `(classes,)` int64: how many flips chose each class, or each
        label, of all flips of a block to the nearest int where a flip is split between equal logits.

    Raises:
        ValueError: If an argument is out of range; in an actor, if the SavedModel has no coins, its outputs are no
            shares of votes, as a regression's, or a number is negative.
        ModuleNotFoundError: If Ray is not installed.

    Example:
        >>> votes = vote_dataset("out/resnet20_cfnn", numbered(x), samples=100)  # doctest: +SKIP
        >>> votes.write_parquet("votes")  # doctest: +SKIP
    """
    data = _ray_data()
    if optional_seed("seed", seed) is None:
        raise ValueError("`seed` must be an int in [0, 2**32). Received: seed=None")
    options = {
        "saved_model": os.path.abspath(saved_model),
        "columns": (column, index),
        "samples": positive_int("samples", samples),
        "batch_size": positive_int("batch_size", batch_size),
        "block": int_where("block", block, lambda n: 1 <= n <= _BLOCK, f"an int in [1, {_BLOCK}]"),
        "seed": seed,
        "cpus": positive_int("cpus", cpus),
    }
    pool = data.ActorPoolStrategy(size=positive_int("actors", actors))
    return dataset.map_batches(
        Voter,
        fn_constructor_kwargs=options,
        compute=pool,
        num_cpus=cpus,
        batch_size=None,  # whole blocks: of a batch that two calls share, each votes on all of it
        batch_format="numpy",
    )


def numbered(x: Any, batch_size: int = 64, batches: int = 4) -> Any:
    """Make a Ray data set of an array: its examples in the column `image`, their numbers in the column `index`.

    Args:
        x: Array `(examples, ...)`.
        batch_size: Positive int. Give `vote_dataset` the same: then no batch lies in two of Ray's blocks.
        batches: Positive int, whole batches in one of Ray's blocks, which an actor takes at once.

    Returns:
        A `ray.data.Dataset` in the order of the array.

    Raises:
        ValueError: If `batch_size` or `batches` is out of range.
        ModuleNotFoundError: If Ray is not installed.

    Example:
        >>> numbered(zoo.data.load("digits").test.x).count()  # doctest: +SKIP
        360
    """
    rows = positive_int("batch_size", batch_size) * positive_int("batches", batches)
    parts = [np.arange(start, min(start + rows, len(x))) for start in range(0, len(x), rows)]
    return _ray_data().from_blocks([_table(x[part], part) for part in parts])


def _table(x: np.ndarray, index: np.ndarray) -> Any:
    import pyarrow as pa  # Ray brings it
    from ray.data.extensions import ArrowTensorArray

    return pa.table({"image": ArrowTensorArray.from_numpy(x), "index": index})


class Voter:
    """The work of one actor: a SavedModel, and the histograms of batches of rows.

    Args:
        saved_model: Folder.
        columns: Names of the columns of examples and of their numbers.
        samples: Flips per example.
        batch_size: Examples of a batch.
        block: Flips of a block.
        seed: Seed of the coins.
        cpus: Threads of TensorFlow.

    Raises:
        ValueError: If the SavedModel has no coins, no vote or several outputs; at a call, if one flip of its vote is
            for no class and no label, or the rows' numbers are not different ints >= 0.
    """

    def __init__(
        self,
        saved_model: str,
        columns: tuple[str, str],
        samples: int,
        batch_size: int,
        block: int,
        seed: int,
        cpus: int,
    ) -> None:
        import tensorflow as tf  # in the actor alone

        with contextlib.suppress(RuntimeError):  # where TensorFlow is at work already, as in no actor
            tf.config.threading.set_intra_op_parallelism_threads(cpus)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        self._model = tf.saved_model.load(saved_model)  # kept: its endpoints work as long as it lives
        if not all(hasattr(self._model, name) for name in ("vote", "reseed")):
            raise ValueError(
                f"`saved_model` must be one of a model with coins and a vote, by zoo.export. Received: {saved_model!r}"
            )
        self._saved_model = saved_model
        if len(self._model.signatures["vote"].structured_outputs) != 1:
            raise ValueError(self._no_vote("several outputs"))
        self._columns, self._batch_size, self._seed = columns, batch_size, seed
        self._blocks = [min(block, samples - start) for start in range(0, samples, block)]

    def __call__(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the rows with their histograms."""
        x, numbers = (np.asarray(rows[name]) for name in self._columns)
        if len(numbers) and (numbers.min() < 0 or len(np.unique(numbers)) < len(numbers)):
            raise ValueError(f"`index` must hold different ints >= 0. Received: {numbers.tolist()}")
        found: Any = None
        for batch, which in _batches(numbers, self._batch_size):
            places = numbers[which] - batch * self._batch_size
            examples = x[which[:1]].repeat(self._batch_size, axis=0)  # rows are alone: the others only fill the batch
            examples[places] = x[which]
            votes = self._votes(examples, batch)
            found = np.zeros((len(x), *votes.shape[1:]), "int64") if found is None else found
            found[which] = votes[places]
        return {**rows, VOTES: found}

    def _no_vote(self, found: str) -> str:
        return (
            "`saved_model` must be one of a model of one output, a vote on classes or labels. "
            f"Received: {self._saved_model!r} with {found}"
        )

    def _shares(self, examples: np.ndarray, flips: int) -> np.ndarray:
        import tensorflow as tf  # in the actor alone

        (shares,) = tf.nest.flatten(self._model.vote(examples, np.int32(flips)))  # a model may give it in a structure
        return np.asarray(shares, "float64")

    def _votes(self, examples: np.ndarray, batch: int) -> np.ndarray:
        # The endpoint is written for votes alone; where it is missing, one flip tells. It decides no other: each block
        # starts its own coins.
        if not hasattr(self._model, "adaptive") and not are_votes(self._shares(examples, 1)):
            raise ValueError(self._no_vote("numbers that are no shares of votes, as a regression's"))
        total: Any = 0
        for number, flips in enumerate(self._blocks):
            key = np.random.SeedSequence((self._seed, batch, number)).generate_state(1, "uint64")[0]
            self._model.reseed(int(key >> np.uint64(1)))
            total = total + np.rint(self._shares(examples, flips) * flips).astype("int64")
        return total


def are_votes(shares: np.ndarray) -> bool:
    """Return whether numbers can be the votes of one flip: 1 for what it chose, or equal parts of 1 where it is tied.

    Args:
        shares: `(..., classes)`, or yes and no of labels of any shape, where one half is a tie.
    """
    tied = np.count_nonzero(shares, axis=-1, keepdims=True)
    of_classes, of_labels = (shares != 0) / np.maximum(tied, 1), np.clip(np.rint(2 * shares), 0, 2) / 2
    return any(np.allclose(shares, wanted, rtol=0, atol=_LIFT) for wanted in (of_classes, of_labels))


def _batches(numbers: np.ndarray, batch_size: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each batch that rows belong to, and which rows they are."""
    of_rows = numbers // batch_size
    for batch in np.unique(of_rows):
        yield int(batch), np.flatnonzero(of_rows == batch)


def _ray_data() -> Any:
    try:
        import ray.data  # an extra
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("vote_dataset needs Ray: pip install 'coinflip-zoo[ray]'", name=error.name) from None
    return ray.data
