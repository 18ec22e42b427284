"""adaptive_vote as a loop in TensorFlow's graph: what a SavedModel serves."""

from collections.abc import Callable

import keras
from keras import ops

from zoo.amplification.amplified import coins_off
from zoo.amplification.coin_graph import CoinGraph, coin_graph, flipping_graph
from zoo.amplification.election import CERTIFIED, SETTLED, UNDECIDED
from zoo.amplification.evidence import class_weight, leaders, log_evidence
from zoo.amplification.pool import AT_LEAST, SHARE
from zoo.amplification.stateless_flips import stateless_flips
from zoo.layers import MajorityVote

_STATUSES = ("", CERTIFIED, SETTLED, UNDECIDED)  # by their numbers in the loop


def can_adapt(model: keras.Model) -> bool:
    """Return whether a model has one vote, on classes or labels, of a fixed shape, that is an output itself."""
    graph = flipping_graph(model)
    fixed = None not in graph.suffix.outputs[0].shape[1:]
    return len(graph.votes) == 1 and graph.votes[0].kind != "numbers" and fixed and graph.ends_in_votes


def until_decided(model: keras.Model) -> Callable[..., dict]:
    """Return a function of inputs, `error` and `max_samples`, scalar tensors, to what `zoo.adaptive_vote` finds.

    It gives `classes`, `samples`, `status` and `counts`. Decided examples flip no more. The function is to be traced.
    """
    import tensorflow as tf

    graph = flipping_graph(model)
    (vote,) = graph.votes
    shape = graph.suffix.outputs[0].shape[1:]
    units, classes = (shape, 2) if vote.kind == "labels" else (shape[:-1], shape[-1])
    guess = _guess(model, graph)

    def run(inputs, error, max_samples) -> dict:
        hidden = keras.tree.flatten(graph.prefix(inputs, training=False))
        batch = ops.shape(hidden[0])[0]
        guessed = guess(hidden)
        coins, flip = stateless_flips(graph)

        def go_on(state: dict):
            return tf.reduce_any(state["status"] == 0)

        def round_(state: dict) -> tuple[dict]:
            unsettled = tf.reshape(state["status"], (batch, -1)) == 0
            rows = tf.where(tf.reduce_any(unsettled, axis=1))
            open_ = tf.size(rows)
            more = tf.minimum(tf.maximum(AT_LEAST, state["flips"] // SHARE), graph.flips_in_block(open_))
            more = tf.minimum(more, max_samples - state["flips"])
            (logits,), coins, _ = flip(state["coins"], [tf.gather(one, rows[:, 0]) for one in hidden], more)
            of_flips = ops.reshape(ops.cast(logits, "float32"), (open_, more, *shape))
            largest = ops.max(of_flips, axis=-1) if vote.kind == "classes" else of_flips
            tf.debugging.Assert(tf.reduce_all(tf.math.is_finite(largest)), ["the model must give finite numbers"])
            hard, soft = (ops.sum(_by_class(vote, one), axis=1) for one in vote.ballots(of_flips))
            state = {
                **state,
                "coins": coins,
                "flips": state["flips"] + more,
                "samples": tf.tensor_scatter_nd_add(state["samples"], rows, tf.fill([open_], more)),
                "votes": tf.tensor_scatter_nd_add(state["votes"], rows, hard),
                "soft": tf.tensor_scatter_nd_add(state["soft"], rows, soft),
            }
            return (_decided(state, guessed, error, max_samples - state["flips"]),)

        start = {
            "coins": [ops.convert_to_tensor(coin.value) for coin in coins],
            "flips": tf.constant(0),
            "samples": ops.zeros((batch,), "int32"),
            "votes": ops.zeros((batch, *units, classes), "float32"),
            "soft": ops.zeros((batch, *units, classes), "float32"),
            "status": ops.zeros((batch, *units), "int32"),
            "classes": ops.zeros((batch, *units), "int64"),
        }
        (ended,) = tf.while_loop(go_on, round_, (start,), parallel_iterations=1)
        for coin, state in zip(coins, ended["coins"], strict=True):
            coin.assign(state)
        return {
            "classes": ended["classes"],
            "samples": ended["samples"],
            "status": tf.gather(tf.constant(_STATUSES), ended["status"]),
            "counts": ended["votes"][..., 1] if vote.kind == "labels" else ended["votes"],
        }

    return run


def _decided(state: dict, guessed, error, left) -> dict:
    """Give a status and a class to the units that have one now."""
    leader, ahead, behind = leaders(state["votes"], state["soft"], ops)
    classes = state["votes"].shape[-1]
    weight = 1 / classes if guessed is None else class_weight(ops.equal(leader, guessed), classes, ops)
    certain = log_evidence(ahead, behind, xp=ops) >= -ops.log(error) - ops.log(weight)
    settled = ahead - behind > ops.cast(left, "float32")
    late = ops.where(ops.equal(left, 0), 3, ops.where(settled, 2, 0))
    found = ops.cast(ops.where(certain, 1, late), "int32")
    new = ops.equal(state["status"], 0)
    return {
        **state,
        "status": ops.where(new, found, state["status"]),
        "classes": ops.where(new, ops.cast(leader, "int64"), state["classes"]),
    }


def _by_class(vote: MajorityVote, values):
    """Votes of each class on the last axis."""
    return ops.stack([1 - values, values], axis=-1) if vote.kind == "labels" else values


def _guess(model: keras.Model, graph: CoinGraph) -> Callable:
    """Return a function of the prefix's outputs to the class that coins off vote for, as `adaptive_vote` guesses it."""
    if graph.branches:
        return lambda hidden: None
    try:
        off = coin_graph(coins_off(model))
    except ValueError:  # a coin that cannot be switched off
        return lambda hidden: None

    def guess(hidden: list):
        (logits,) = keras.tree.flatten(off.suffix(off.rows(hidden, 1), training=False))
        hard, _ = off.votes[0].ballots(logits)
        return ops.argmax(_by_class(off.votes[0], hard), axis=-1)

    return guess
