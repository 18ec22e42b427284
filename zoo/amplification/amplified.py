"""AmplifiedModel: a model whose many flips run in chunks, for less memory than all at once."""

import threading
import weakref
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from zoo.amplification.coin_graph import CoinGraph, coin_graph, has_coins, kept_of, with_amplification
from zoo.amplification.reseed import reseed
from zoo.amplification.stateless_flips import stateless_flips
from zoo.graph import check_model, compile_like, compiled_with, ends, in_order, mask_of
from zoo.layers import MajorityVote
from zoo.layers.arguments import one_of, positive_int
from zoo.layers.xla import compiled_by_xla

VOTES = ("majority", "mean", "expected")
_AT_ONCE = 25  # flips that are evaluated at once unless their rows leave TensorFlow's caches: training does it, too
_LAST = threading.local()  # the outputs of this thread's last vote, and how to vote softly in place of it


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class AmplifiedModel(keras.Model):
    """A Functional coin-flipping model that runs a chunk of the flips of a batch at a time at inference.

    A loop inside the call counts the votes, in the same memory for any number of flips. Training folds all flips into
    the batch, as the layers say. The loss that `evaluate`, and `fit` on its validation data, report is that of the soft
    vote, as in training: the logarithm of a histogram of a few flips is noise. Metrics see the vote itself, so that
    `"accuracy"` is the majority's.

    Args:
        inputs: Inputs of the graph.
        outputs: Its outputs.
        name: Name of the model.
        chunk: None, or a positive int: flips per example evaluated at once at inference. None is as in
            `amplify`.

    Raises:
        ValueError: If `chunk` is neither None nor a positive int.
    """

    def __init__(self, inputs, outputs, name=None, *, chunk: int | None = None, **kwargs) -> None:
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.chunk = None if chunk is None else positive_int("chunk", chunk)
        if self._counts():
            coin_graph(self)  # now: while it predicts, JAX has taken the variables that layers are called with

    def _counts(self) -> bool:
        """Return whether inference counts votes, and does not call the graph as it is."""
        votes = [layer for layer in self.layers if isinstance(layer, MajorityVote)]
        many = any(layer.samples > (self.chunk or _AT_ONCE) for layer in votes)
        return many or any(layer.vote == "majority" for layer in votes)

    def call(self, inputs, training=None, mask=None):
        """Call the graph in training or without coins; else count the votes, if there are many chunk by chunk.

        A mask from outside, as behind an `Embedding` of an outer model, is not cut into parts with the graph: its
        flips run all at once.
        """
        masked = any(one is not None for one in keras.tree.flatten((mask, keras.tree.map_structure(mask_of, inputs))))
        if training or masked or not self._counts():
            return super().call(inputs, training=bool(training), mask=mask)
        graph = coin_graph(self)
        outputs, losses = vote_on(graph, inputs, graph.samples, self.chunk)
        for loss in losses:
            keras.layers.Layer.add_loss(self, loss)  # Keras's Functional refuses what it cannot serialize
        given = outputs(None)
        _LAST.value = given, lambda: outputs("mean")
        return given

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Compute the loss, in evaluation that of the soft vote."""
        last, _LAST.value = getattr(_LAST, "value", None), None
        if last is not None and not training and _same(last[0], y_pred):
            y_pred = last[1]()
        return super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)

    def get_config(self) -> dict:
        """Return the graph and `chunk`."""
        return {**super().get_config(), "chunk": self.chunk}


def like_amplified(made: keras.Model, model: keras.Model) -> keras.Model:
    """Return a model made of another one's graph as one that counts votes, too, where that one does."""
    amplified = isinstance(model, AmplifiedModel)
    return AmplifiedModel(*ends(made), name=model.name, chunk=model.chunk) if amplified else made


def _same(one, other) -> bool:
    """Return whether two structures hold the same tensors."""
    pairs = zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=False)
    return all(a is b for a, b in pairs)


def vote_on(graph: CoinGraph, inputs, samples, chunk: int | None = None) -> tuple[Callable[[str | None], Any], list]:
    """Flip the coins of a batch and count, a chunk of flips at a time.

    Args:
        graph: Parts of the model.
        inputs: A batch of the model's inputs.
        samples: Flips per example, an int; on TensorFlow also an int32 tensor.
        chunk: Flips evaluated at once, or None for the default.

    Returns:
        A function from a vote, or None for each layer's own, to the model's outputs; and a list of the sum of what the
        layers that flip gave to `add_loss`, the mean over the flips, or of nothing.
    """
    hidden = keras.tree.flatten(graph.prefix(inputs, training=False))
    totals, losses = _totals(graph, hidden, samples, chunk)
    masks, beside = _masks(graph, inputs), graph.beside(hidden)
    # Cast before ties are broken: the lift that breaks one is chosen by the dtype.
    shares = [
        [ops.cast(total / ops.cast(samples, total.dtype), vote.compute_dtype) for total in pair]
        for vote, pair in zip(graph.votes, totals, strict=True)
    ]

    def outputs(vote: str | None) -> Any:
        elected = [layer.elect(hard, soft, vote) for layer, (hard, soft) in zip(graph.votes, shares, strict=True)]
        mask = [*[None] * len(beside), *masks] if masks else None
        return graph.tail.call([*beside, *elected], training=False, mask=mask)

    return outputs, losses


def _masks(graph: CoinGraph, inputs) -> list:
    """Return Keras's mask, or None, of each vote; nothing if there is no mask."""
    if graph.masks is None:
        return []
    rows = keras.tree.flatten(graph.masks(in_order(graph.prefix, inputs)))
    found = {index: graph.votes[index].compute_mask(None, mask) for index, mask in zip(graph.masked, rows, strict=True)}
    return [found.get(index) for index in range(len(graph.votes))]


def _totals(graph: CoinGraph, hidden: list, samples, chunk: int | None) -> tuple[list, list]:
    """Sums of votes and of soft votes of each `MajorityVote`, in a loop that is not unrolled; and their losses."""
    batch = ops.shape(hidden[0])[0]
    few = isinstance(samples, int) and samples <= _AT_ONCE and not _in_chunks(graph)
    at_once = chunk or (samples if few else graph.flips_at_once(batch))
    coins, flip = stateless_flips(graph)
    floatx = keras.config.floatx()  # of all losses
    added: list[int] = []  # numbers of losses, which are known once a chunk has been called

    def count(carry, flips):
        totals, states, hidden, loss = carry
        logits, states, losses = flip(states, hidden, flips)
        added.append(len(losses))
        share = ops.cast(flips, floatx) / ops.cast(samples, floatx)
        loss = sum((share * ops.cast(one, floatx) for one in losses), start=loss)
        more = [_tally(vote, one, (batch, flips)) for vote, one in zip(graph.votes, logits, strict=True)]
        totals = [[a + b for a, b in zip(*pairs, strict=True)] for pairs in zip(totals, more, strict=True)]
        return totals, states, hidden, loss

    # `hidden` is carried, never changed: TensorFlow would compute rows of a constant before the loop and keep them.
    empty = [[ops.zeros((batch, *x.shape[1:]), dtype=_wide(vote)) for _ in range(2)] for vote, x in _ends(graph)]
    carry = empty, [ops.convert_to_tensor(coin.value) for coin in coins], hidden, ops.zeros((), floatx)
    totals, states, _, loss = _loop(samples, at_once, count, carry)
    for coin, state in zip(coins, states, strict=True):
        coin.assign(state)
    return totals, [loss] if any(added) else []


def _in_chunks(graph: CoinGraph) -> bool:
    """Return whether a few flips, too, run chunk by chunk; XLA needs to know the number of rows of each."""
    return graph.leaves_caches and not compiled_by_xla()


def _ends(graph: CoinGraph):
    return zip(graph.votes, graph.suffix.outputs, strict=True)


def _wide(vote: MajorityVote) -> str:
    return "float64" if vote.compute_dtype == "float64" else "float32"


def _tally(vote: MajorityVote, logits, batch_and_flips):
    return vote.tally(ops.reshape(ops.cast(logits, vote.compute_dtype), (*batch_and_flips, *logits.shape[1:])))


def _loop(samples, at_once, count: Callable, carry):
    """Count `samples` flips, `at_once` at a time; in one iteration at a time of a loop that is not unrolled."""
    if isinstance(at_once, int) and isinstance(samples, int) and samples <= at_once:
        return count(carry, samples)
    if keras.backend.backend() != "tensorflow" or (isinstance(samples, int) and compiled_by_xla()):
        at_once = at_once if isinstance(at_once, int) else _AT_ONCE  # XLA needs to know the number of rows
        chunks, rest = divmod(samples, at_once)
        carry = ops.fori_loop(0, chunks, lambda _, carry: count(carry, at_once), carry)
        return count(carry, rest) if rest else carry
    import tensorflow as tf

    def body(done, carry):
        flips = tf.minimum(at_once, samples - done)
        return done + flips, count(carry, flips)

    # TensorFlow would run ten iterations at once, in ten times the memory.
    return tf.while_loop(lambda done, _: done < samples, body, (tf.constant(0), carry), parallel_iterations=1)[1]


# The last amplified models by (samples, vote, chunk) of a model, with what they and it were compiled with.
_AMPLIFIED: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_KEPT = 8  # amplified models of a model


def amplify(
    model: keras.Model, samples: int, vote: str = "majority", *, chunk: int | None = None, seed: int | None = None
) -> AmplifiedModel:
    """Return the same weights under another amplification.

    Args:
        model: A coin-flipping model; it is left as it is and every variable is shared.
        samples: Positive int, flips per example.
        vote: `"majority"` (histogram of the flips' classes), `"mean"` (soft vote; MC dropout's mean) or
            `"expected"` (every coin replaced by its mean: ordinary inference; `samples` must be 1).
        chunk: Positive int; inference runs at most this many flips of a batch at a time. None is as many as make 800
            rows of the batch, or 250 where a generator draws weights that the batch shares, or all if they are at most
            25. On TensorFlow the rows are more than 800 if no tensor then has over 2^18 numbers, and on CPUs fewer, but
            25 at least, if one would have over 2^21.
        seed: None, or an int in [0, 2**32) from which the coins start, those of `model` among them: see `zoo.reseed`.

    Returns:
        A Functional model, compiled like `model`. The same call returns the same object, which keeps what is compiled,
        as long as neither of the two models was compiled anew or trained; the last eight of a model are kept.

    Raises:
        ValueError: If an argument is outside its range, `model` has no Amplify and MajorityVote layers, or a layer
            cannot be switched off; the message names it.

    Reference: Coin-Flipping Neural Networks, Table 3 (train by 1 or n samples, test by each vote).

    Example:
        >>> model = zoo.build("resnet20_cfnn", depth=8, input_shape=(8, 8, 1), samples=5, seed=0)
        >>> ten = zoo.amplify(model, 10)
        >>> votes = ten.predict(np.ones((1, 8, 8, 1)), verbose=0)
        >>> bool(np.allclose(votes * 10, np.round(votes * 10), atol=1e-3))
        True
    """
    check_model(model)
    positive_int("samples", samples)
    expected = one_of("vote", vote, VOTES) == "expected"
    if expected and samples != 1:
        raise ValueError(f'`samples` must be 1 where vote="expected": no coin is flipped. Received: samples={samples}')
    chunk = None if chunk is None else positive_int("chunk", chunk)
    kept, key = kept_of(_AMPLIFIED, model, dict), (samples, vote, chunk)
    if key not in kept or not _fresh(model, *kept[key]):
        graph = with_amplification(model, samples, "mean" if expected else vote, flip_at_inference=not expected)
        amplified = AmplifiedModel(*ends(graph), name=model.name, chunk=chunk)
        if not expected:
            coin_graph(amplified)  # refuses what cannot be amplified
        compile_like(amplified, model)
        kept[key] = amplified, compiled_with(model), compiled_with(amplified)
    kept[key] = kept.pop(key)  # the last used is the last
    if len(kept) > _KEPT:
        del kept[next(iter(kept))]
    if seed is not None:
        reseed(model, seed)
    return kept[key][0]


def _fresh(model, amplified, compiled, own) -> bool:
    """Return whether a kept model is as `amplify` would make it now."""
    untrained = not amplified.compiled or not amplified.optimizer.built
    return compiled_with(model) is compiled and compiled_with(amplified) is own and untrained


def coins_off(model: keras.Model) -> keras.Model:
    """Return the model with every coin replaced by its mean; a model without coins is returned as it is."""
    return amplify(model, 1, "expected") if has_coins(model) else model
