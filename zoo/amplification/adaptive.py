"""adaptive_vote: as many flips as each example needs, with a bound on the probability of a wrong class."""

from collections.abc import Callable

import keras
import numpy as np

from zoo.amplification.amplified import coins_off
from zoo.amplification.checks import check_examples
from zoo.amplification.coin_graph import CoinGraph, coin_graph, flipping_graph
from zoo.amplification.election import AdaptiveVote, Election
from zoo.amplification.evidence import PRIOR
from zoo.amplification.pool import Pool
from zoo.amplification.reseed import seeded
from zoo.amplification.tally import hard_votes
from zoo.graph import check_model, describe
from zoo.layers.arguments import float_where, one_of, positive_int, proper_fraction


def adaptive_vote(
    model: keras.Model,
    x,
    error: float = 0.01,
    max_samples: int = 1000,
    margin: float = 0.0,
    *,
    vote: str = "majority",
    batch_size: int = 32,
    chunk: int | None = None,
    seed: int | None = None,
    verbose: int = 0,
) -> AdaptiveVote:
    """Flip the coins of each example until its class is certain, and of no example longer.

    After every few flips the evidence for the leading class is looked at; `zoo.amplification.evidence` says why looking
    often does not make the claim weaker. Decided examples leave at once and waiting ones take their places, so that
    every call to the model is full. What is before the coins runs once per example.

    Args:
        model: A coin-flipping model with one vote on classes or labels, which is an output: nothing is behind it.
        x: Array `(examples, ...)` or `LazyImages`; of several inputs a structure of arrays.
        error: In (0, 1), the largest probability that an example's class is certified and wrong; of a model that votes
            per pixel or label, that of each of them. With a margin, the same again for "tied".
        max_samples: Positive int, most flips of an example.
        margin: In [0, 1), a lead that makes no difference: where no class leads by as much, the example is "tied".
        vote: "majority" (the class that most flips choose) or "mean" (the largest mean of soft votes).
        batch_size: Positive int, examples of which the part before the coins is computed at once.
        chunk: Positive int; at most `batch_size * chunk` rows are evaluated at once. None as in `amplify`.
        seed: None, or an int in [0, 2**32) from which the coins start; they then go on as if nothing was flipped. Who
            flips with whom depends on all examples, `batch_size` and `chunk`: they belong to what the seed decides.
        verbose: 1 shows a progress bar.

    Returns:
        An `AdaptiveVote`.

    Raises:
        ValueError: If an argument is out of range, `model` does not flip, votes on numbers, has several votes or
            something behind its vote, `x` does not fit its inputs or has NaN, or a flip is not finite.

    Example:
        >>> model = zoo.build("resnet20_cfnn", weights="digits", seed=0)
        >>> found = zoo.adaptive_vote(model, zoo.data.load("digits").test.x[:20], seed=0)
        >>> bool((found.samples[found.status == "certified"] < 1000).all()), found.counts.shape
        (True, (20, 10))
    """
    check_model(model)
    error = float_where("error", error, lambda e: 0 < e < 1, "in (0, 1)")
    limits = error, positive_int("max_samples", max_samples), proper_fraction("margin", margin)
    one_of("vote", vote, ("majority", "mean"))
    positive_int("batch_size", batch_size)
    graph = flipping_graph(model)
    shape = graph.suffix.outputs[0].shape[1:]
    _check_vote(model, graph, shape)
    x = check_examples(model, x)
    count = len(keras.tree.flatten(x)[0])
    rows = min(batch_size, count)
    rows = rows * (graph.flips_in_block(rows) if chunk is None else positive_int("chunk", chunk))
    election = Election(graph.votes[0], vote, count, shape, limits)
    with seeded(model, seed, graph):
        without_coins = _without_coins(model, graph)
        first = election.least(PRIOR if without_coins else 1 / election.classes)
        pool = Pool(graph, x, batch_size=batch_size, rows=rows, first=first)
        _run(election, pool, without_coins, keras.utils.Progbar(count, verbose=verbose))
    return election.result()


def _check_vote(model: keras.Model, graph: CoinGraph, shape: tuple) -> None:
    votes = graph.votes
    if len(votes) != 1:
        raise ValueError(f"`model` must have one vote. Received: {describe(model)} with {len(votes)} votes")
    if votes[0].kind == "numbers":
        raise ValueError(
            f"`model` must vote on classes or labels. Received: {describe(model)}, which averages numbers; of logits "
            'make zoo.with_coins(model, vote="majority")'
        )
    if not graph.ends_in_votes:
        raise ValueError(
            f"`model` must end in its vote: what is behind {votes[0].name!r} could choose another class. Make a model "
            f"whose output is that of {votes[0].name!r}. Received: {describe(model)}"
        )
    if None in shape:
        raise ValueError(f"`model` must have outputs of a fixed shape. Received: {describe(model)} with {shape}")


def _run(election: Election, pool: Pool, without_coins: Callable | None, bar: keras.utils.Progbar) -> None:
    """Flip until every example is decided."""
    decided = 0
    while True:
        for indices, hidden in pool.fill():
            if without_coins is not None:
                election.guess(indices, without_coins(hidden)[: len(indices)])
        if not len(pool.members):
            return
        had = election.samples[pool.members]
        examples, logits = pool.flip(had, election.most - had)
        done = election.add(examples, logits)
        pool.drop(done)
        decided += len(done)
        bar.update(decided)


def _without_coins(model: keras.Model, graph: CoinGraph) -> Callable[[list], np.ndarray] | None:
    """Return a function from a batch's outputs of the prefix to the votes with coins off, `(batch, ...)`.

    None where a generator draws weights: their mean would be a pass of its own, and shared draws cost less.
    """
    if graph.branches:
        return None
    try:
        off = coin_graph(coins_off(model))
    except ValueError:  # a coin that cannot be switched off: there is no guess then, and no need of one
        return None

    def votes(hidden: list) -> np.ndarray:
        rows = [keras.ops.convert_to_numpy(one) for one in off.rows(hidden, 1)]
        (logits,) = keras.tree.flatten(off.suffix.predict_on_batch(rows))
        return hard_votes(off.votes[0], np.asarray(logits))

    return votes
