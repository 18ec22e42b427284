"""Amplified use of a coin-flipping model: another number of flips, another vote, and what it is worth."""

from collections.abc import Sequence

import keras
import numpy as np

from zoo.amplification.amplified import VOTES
from zoo.amplification.checks import check_examples, check_labels
from zoo.amplification.coin_graph import flipping_graph
from zoo.amplification.distinct_names import distinct_names
from zoo.amplification.drawn import drawn
from zoo.amplification.reseed import seeded
from zoo.amplification.tally import Tally, hard_votes, snapshots, soft_votes
from zoo.amplification.without_coins import without_coins
from zoo.graph import check_model, describe, inner_layers
from zoo.layers.arguments import float_where, int_at_least, one_of, positive_int
from zoo.layers.flip_rows import last_activation
from zoo.layers.majority_vote import MajorityVote
from zoo.scores.wilson_interval import RandomAccuracy, wilson

OUTPUTS = ("classes", "probabilities", "logits")
_CUTS = {"sigmoid": 0.5, "linear": 0.0}


def flips(
    model: keras.Model,
    x,
    samples: int = 100,
    *,
    outputs: str = "classes",
    batch_size: int = 32,
    chunk: int | None = None,
    seed: int | None = None,
    start: int = 0,
) -> np.ndarray | dict[str, np.ndarray]:
    """Return what every flip gives, coins on.

    Args:
        model: A coin-flipping model.
        x: Array `(examples, ...)` or `LazyImages`; of several inputs a structure of arrays.
        samples: Positive int, flips per example.
        outputs: "classes": the class that each flip votes for, before what is behind the vote; of labels 0 or 1, of a
            regression the numbers; "probabilities": each flip's softmax or sigmoid; "logits": what reaches the vote.
        batch_size: Positive int, examples per batch.
        chunk: Positive int; at most `batch_size * chunk` rows are evaluated at once. None as in `amplify`.
        seed: None, or an int in [0, 2**32) from which the coins start; they then go on as if nothing was flipped. Flip
            number n of an example is then the same in whatever call asks for it, as long as `x` and `batch_size` are
            the same, and `chunk` where it is below its default.
        start: Int >= 0, number of the first flip: several processes, or a second one after a crash, can share the
            flips of a seed. It is 0 without a seed.

    Returns:
        Array `(examples, samples)` and further axes, int64 for classes; a dict by the votes' names if there are
        several, with their numbers if two are the same: `vote_0`, `vote_1`.

    Raises:
        ValueError: If an argument is outside its range, `x` is empty, of another shape than the model's inputs or has
            NaN, or a flip is not finite.

    Example:
        >>> model = zoo.build("resnet20_cfnn", depth=8, input_shape=(8, 8, 1), samples=5, seed=0)
        >>> zoo.flips(model, 255 * np.ones((2, 8, 8, 1)), samples=7).shape
        (2, 7)
    """
    check_model(model)
    one_of("outputs", outputs, OUTPUTS)
    graph = flipping_graph(model)  # a model that does not flip is refused for that
    if int_at_least("start", start) and seed is None:
        raise ValueError(f"`start` must be 0 where there is no `seed`. Received: start={start}")
    parts: list[list[np.ndarray]] = []
    with seeded(model, seed, graph):
        for batch in drawn(model, check_examples(model, x), samples, batch_size, chunk, seed=seed, start=start):
            votes = batch.graph.votes
            chunks = [[_shown(vote, one, outputs) for vote, one in zip(votes, c, strict=True)] for c in batch.chunks]
            parts.append([np.concatenate(of_vote, axis=1) for of_vote in zip(*chunks, strict=True)])
    found = [np.concatenate(of_vote) for of_vote in zip(*parts, strict=True)]
    return found[0] if len(found) == 1 else dict(zip(distinct_names(vote.name for vote in votes), found, strict=True))


def _shown(vote: MajorityVote, logits: np.ndarray, outputs: str) -> np.ndarray:
    if outputs == "logits":
        return logits
    if outputs == "probabilities":
        return soft_votes(vote, logits)
    return chosen(vote, logits)


def chosen(vote: MajorityVote, scores: np.ndarray) -> np.ndarray:
    """Return the class of each row of logits; of labels 0 or 1; of numbers the numbers."""
    if vote.kind == "classes":
        return scores.argmax(-1)
    return (hard_votes(vote, scores) > 0.5).astype(np.int64) if vote.kind == "labels" else scores


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
    seed: int | None = None,
) -> RandomAccuracy | list[RandomAccuracy]:
    """Measure the empirical random accuracy: the share of examples whose vote is the label.

    Memory does not grow with `samples`. Of a model that votes per pixel or per label, each vote counts as an example.

    Args:
        model: A coin-flipping model; with `vote="expected"` any model that gives class scores. One unit without a vote
            is a probability if it ends in a sigmoid, cut at one half, a logit if it has no activation, cut at 0.
        x: Array `(examples, ...)` or `LazyImages`; of several inputs a structure of arrays.
        y: Class indices, one for each vote: `(examples,)` or `(examples, 1)`, `(examples, height, width)` per pixel.
        samples: Flips per example; a sequence of numbers is answered from the same flips, the first n of them each.
        vote: `"majority"`, `"mean"` or `"expected"` (coins off; `samples` is then ignored).
        confidence: In (0, 1), of the Wilson interval over examples.
        batch_size: Positive int, examples per batch.
        chunk: Positive int; at most `batch_size * chunk` rows are evaluated at once. None as in `amplify`.
        seed: None, or an int in [0, 2**32) from which the coins start; they then go on as if nothing was flipped.

    Returns:
        One `RandomAccuracy`, or a list of them for a sequence of `samples`.

    Raises:
        ValueError: If an argument is outside its range, `model` has several outputs or votes, or one unit that ends
            neither in a vote nor in a sigmoid or nothing, `x` does not fit its inputs or has NaN, `y` does not fit its
            classes, or its flips are not finite.

    Reference: Coin-Flipping Neural Networks, Definition 2.1.

    Example:
        >>> model = zoo.build("resnet20_cfnn", weights="digits", seed=0)
        >>> test = zoo.data.load("digits").test
        >>> one, five = zoo.random_accuracy(model, test.x[:50], test.y[:50], samples=[1, 5])
        >>> one.n, five.accuracy > 0.9
        (50, True)
    """
    check_model(model)
    one_of("vote", vote, VOTES)
    float_where("confidence", confidence, lambda c: 0 < c < 1, "in (0, 1)")
    wanted = list(samples) if isinstance(samples, Sequence | np.ndarray) else [samples]
    if not wanted:
        raise ValueError(f"`samples` must be a positive int or several. Received: samples={samples!r}")
    wanted = [positive_int("samples", n) for n in wanted]
    # A model that does not flip is refused for that.
    graph = flipping_graph(model) if vote != "expected" else None
    if len(model.outputs) != 1:
        raise ValueError(f"`model` must have one output. Received: {describe(model)} with {len(model.outputs)} outputs")
    votes = graph.votes if graph else _votes(model)
    if len(votes) > 1:
        raise ValueError(f"`model` must have one vote. Received: {describe(model)} with {len(votes)} votes")
    if any(vote.kind == "numbers" for vote in votes):
        raise ValueError(
            f"`model` must vote on classes. Received: {describe(model)}, which averages numbers; of logits make "
            'zoo.with_coins(model, vote="majority")'
        )
    x = check_examples(model, x)
    y = _labels(model, x, y)
    with seeded(model, seed, graph):
        predicted = _predicted(model, x, wanted, vote, batch_size, chunk, seed)
    results = [wilson(int(np.sum(predicted[n] == y)), y.size, confidence) for n in wanted]
    return results[0] if isinstance(samples, int | np.integer) else results


def _labels(model: keras.Model, x, y) -> np.ndarray:
    """Labels that fit the model's output and the number of examples."""
    labels, output = _of_labels(model), model.outputs[0].shape
    shape, classes = (output[1:], 2) if labels else (output[1:-1], output[-1])
    if labels and output[1:] == (1,):
        shape = ()  # one sigmoid unit
    return check_labels(y, len(keras.tree.flatten(x)[0]), shape, classes)


def _of_labels(model: keras.Model) -> bool:
    """Return whether the model answers yes or no with every unit, not with one of its classes."""
    votes = _votes(model)
    return votes[0].kind == "labels" if votes else model.outputs[0].shape[-1] == 1


def _votes(model: keras.Model) -> list[MajorityVote]:
    return [layer for layer in inner_layers(model) if isinstance(layer, MajorityVote)]


def _cut(model: keras.Model) -> float:
    """Return the number above which a unit says yes: of a vote's share and of a probability 0.5, of a logit 0."""
    ending = "sigmoid" if _votes(model) else last_activation(model.outputs[0])
    if ending not in _CUTS:
        raise ValueError(
            "`model` of one unit must end in a vote, a sigmoid or, as a logit, in no activation. "
            f"Received: {describe(model)} that ends in {ending or 'something else'}"
        )
    return _CUTS[ending]


def _classes(model: keras.Model, scores: np.ndarray) -> np.ndarray:
    """Classes of a model's outputs `(examples, ...)`, in the shape of its labels."""
    if not _of_labels(model):
        return scores.argmax(-1)
    found = (scores > _cut(model)).astype(np.int64)
    return found[..., 0] if scores.shape[1:] == (1,) else found


def _predicted(model, x, wanted: list[int], vote: str, batch_size: int, chunk, seed) -> dict[int, np.ndarray]:
    """Voted classes `(examples, ...)` for each number of flips."""
    if vote == "expected":
        found = _classes(model, without_coins(model, x, batch_size))
        return dict.fromkeys(wanted, found)
    parts: dict[int, list] = {n: [] for n in wanted}
    for batch in drawn(model, x, max(wanted), batch_size, chunk, seed=seed):
        tally = Tally(batch.graph.votes[0])
        for n in snapshots(batch.chunks, tally, wanted):
            parts[n].append(_classes(model, batch.outputs([tally.elected(vote)])[0]))
    return {n: np.concatenate(of_n) for n, of_n in parts.items()}
