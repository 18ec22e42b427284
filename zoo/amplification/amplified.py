"""AmplifiedModel: a model whose many flips run in chunks, for less memory than all at once."""

import keras
from keras import ops

from zoo.amplification.halves import CoinGraph, coin_graph, has_coins, with_coins
from zoo.graph import compile_arguments
from zoo.layers.arguments import one_of, positive_int
from zoo.layers.majority_vote import elect, tally

VOTES = ("majority", "mean", "expected")


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class AmplifiedModel(keras.Model):
    """A Functional coin-flipping model that runs at most `chunk` flips of a batch at a time at inference.

    A loop inside the call counts the votes, `batch * chunk` rows at a time for any number of flips. Training folds
    all flips into the batch, as the layers say.

    Args:
        inputs: Inputs of the graph.
        outputs: Its outputs.
        name: Name of the model.
        chunk: Positive int, flips per example evaluated at once at inference.

    Raises:
        ValueError: If `chunk` is not a positive int.
    """

    def __init__(self, inputs, outputs, name=None, *, chunk: int = 25, **kwargs) -> None:
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.chunk = positive_int("chunk", chunk)

    def call(self, inputs, training=None, mask=None):
        """Call the graph in training or if one chunk is enough; else count the same votes chunk by chunk."""
        graph = coin_graph(self)
        if training or graph.majority.samples <= self.chunk:
            return super().call(inputs, training=training, mask=mask)
        return _chunked_vote(graph, inputs, self.chunk)

    def get_config(self) -> dict:
        """Return the graph and `chunk`."""
        return {**super().get_config(), "chunk": self.chunk}


def _chunked_vote(graph, inputs, chunk: int):
    """Count the votes of `samples` flips, `chunk` at a time, in a loop that the backend does not unroll."""
    suffix, majority = graph.suffix, graph.majority
    hidden = keras.tree.flatten(graph.prefix(inputs, training=False))
    batch, classes = ops.shape(hidden[0])[0], suffix.output.shape[-1]
    # Keras lets no draw happen inside a loop: the generators' states travel through it as values instead.
    coins = [v for v in suffix.variables if not any(v is w for w in suffix.weights)]
    frozen = [(weight, weight.value) for weight in suffix.weights]

    def count(flips: int):
        def body(_, carry):
            histogram, soft, states, hidden = carry
            rows = graph.rows(hidden, flips)
            with keras.StatelessScope(state_mapping=frozen + list(zip(coins, states, strict=True))) as scope:
                logits = suffix(rows, training=False)
            logits = ops.reshape(ops.cast(logits, majority.compute_dtype), (-1, flips, classes))
            more_votes, more_soft = tally(logits, majority.temperature)
            return histogram + more_votes, soft + more_soft, [scope.get_current_value(coin) for coin in coins], hidden

        return body

    # `hidden` is carried, never changed: TensorFlow would compute rows of a constant before the loop and keep them.
    empty = ops.zeros((batch, classes), dtype="float32")
    chunks, rest = divmod(majority.samples, chunk)
    carry = empty, empty, [ops.convert_to_tensor(coin.value) for coin in coins], hidden
    carry = _loop(chunks, count(chunk), carry)
    histogram, soft, states, _ = count(rest)(0, carry) if rest else carry
    for coin, state in zip(coins, states, strict=True):
        coin.assign(state)
    # Cast before ties are broken: the lift that breaks one is chosen by the dtype.
    shares = (ops.cast(total / majority.samples, majority.compute_dtype) for total in (histogram, soft))
    return elect(*shares, majority.vote)


def _loop(times: int, body, carry):
    """`ops.fori_loop`, one iteration at a time: TensorFlow would run ten of them at once, in ten times the memory."""
    if keras.backend.backend() != "tensorflow":
        return ops.fori_loop(0, times, body, carry)
    import tensorflow as tf

    _, carry = tf.while_loop(
        lambda i, _: i < times, lambda i, carry: (i + 1, body(i, carry)), (tf.constant(0), carry), parallel_iterations=1
    )
    return carry


def amplify(model: keras.Model, samples: int, vote: str = "majority", *, chunk: int | None = None) -> AmplifiedModel:
    """Return the same weights under another amplification.

    Args:
        model: A coin-flipping model; it is left as it is and every variable is shared.
        samples: Positive int, flips per example.
        vote: `"majority"` (histogram of the flips' classes), `"mean"` (soft vote; MC dropout's mean) or
            `"expected"` (every coin replaced by its mean: ordinary inference; `samples` must be 1).
        chunk: Positive int; inference runs at most this many flips of a batch at a time. None is 25, and 250 where a
            generator draws weights that the batch shares, which take far less memory than rows of examples.

    Returns:
        A Functional model, compiled like `model`.

    Raises:
        ValueError: If an argument is outside its range or `model` has no Amplify and MajorityVote layers.

    Reference: Coin-Flipping Neural Networks, Table 3 (train by 1 or n samples, test by each vote).

    Example:
        >>> model = zoo.build("resnet20_cfnn", depth=8, input_shape=(8, 8, 1), samples=5, seed=0)
        >>> ten = zoo.amplify(model, 10)
        >>> votes = ten.predict(np.ones((1, 8, 8, 1)), verbose=0)
        >>> bool(np.allclose(votes * 10, np.round(votes * 10), atol=1e-3))
        True
    """
    positive_int("samples", samples)
    expected = one_of("vote", vote, VOTES) == "expected"
    if expected and samples != 1:
        raise ValueError(f'`samples` must be 1 where vote="expected": no coin is flipped. Received: samples={samples}')
    graph = with_coins(model, samples, "mean" if expected else vote, flip_at_inference=not expected)
    chunk = chunk_or_default(chunk, coin_graph(graph))
    amplified = AmplifiedModel(graph.input, graph.output, name=model.name, chunk=chunk)
    if model.compiled:
        fresh = type(model.optimizer).from_config(model.optimizer.get_config())
        amplified.compile(**{**compile_arguments(model), "optimizer": fresh})
    return amplified


def coins_off(model: keras.Model) -> keras.Model:
    """Return the model with every coin replaced by its mean; a model without coins is returned as it is."""
    return amplify(model, 1, "expected") if has_coins(model) else model


def chunk_or_default(chunk: int | None, graph: CoinGraph) -> int:
    """Return `chunk`, checked, or the graph's default for None."""
    return graph.chunk if chunk is None else positive_int("chunk", chunk)
