"""The functions of a SavedModel, as TensorFlow traces them."""

import inspect
import re
from collections.abc import Callable

import keras

from zoo.amplification.amplified import vote_on
from zoo.amplification.coin_graph import flipping_graph, votes
from zoo.amplification.distinct_names import distinct_names
from zoo.amplification.reseed import states_of
from zoo.graph import ends
from zoo.layers.flip_rows import graph_of
from zoo.serving.adaptive_endpoint import can_adapt, until_decided


def signatures(model: keras.Model) -> list[list]:
    """Specifications of the inputs, in the model's dtypes; a second list, if any, has uint8 in place of floats."""
    import tensorflow as tf

    def specification(x, name, pixels: bool):
        return tf.TensorSpec((None, *x.shape[1:]), "uint8" if pixels and _is_float(x) else _dtype(x), name=name)

    kinds = [False, True] if any(map(_is_float, model.inputs)) else [False]
    return [
        [specification(x, name, pixels) for x, name in zip(model.inputs, input_names(model), strict=True)]
        for pixels in kinds
    ]


def _states(model: keras.Model) -> list[keras.Variable]:
    """Return the states of all coins that an endpoint flips, those that the model keeps off among them."""
    return states_of(model, flipping_graph(model) if votes(model) else None)


def input_names(model: keras.Model) -> list[str]:
    """Return the names by which a model's inputs are served: one of floats is called images."""
    images = len(model.inputs) == 1 and _is_float(model.inputs[0])
    return ["images"] if images else [x.name for x in model.inputs]


def output_names(model: keras.Model) -> list[str]:
    """Return the names by which a model's outputs are served: its own, with their numbers if two are the same."""
    return distinct_names(graph_of(model).output_names)


def _dtype(x) -> str:
    """Dtype that an input is served in: its own, but float32 for floats of 16 bits, which hold no pixel between two."""
    return "float32" if x.dtype in ("float16", "bfloat16") else x.dtype


def _is_float(x) -> bool:
    return keras.backend.is_float_dtype(x.dtype)


def endpoints(model: keras.Model, fresh, limit: int | None = None) -> list[tuple]:
    """List the endpoints that take images: name, `tf.function`, specifications of the arguments behind the inputs.

    Whoever calls them may ask for `limit` flips at most.
    """
    import tensorflow as tf

    coins = _states(model)

    def given(inputs):
        """Return the arguments in the structure of the model's inputs."""
        return keras.tree.pack_sequence_as(ends(graph_of(model))[0], list(inputs))

    def wake() -> None:
        """Draw the coins' states from the system's entropy at the first call after loading."""

        def draw():
            for coin in coins:
                # seed 0, 0 asks TensorFlow for entropy whatever the global seed was when this was traced
                state = tf.raw_ops.RandomUniformInt(
                    shape=[2], minval=tf.int64.min, maxval=tf.int64.max, seed=0, seed2=0
                )
                coin.value.assign(tf.cast(state, coin.dtype))
            fresh.assign(False)

        if coins:
            tf.cond(fresh, draw, lambda: None)

    def serve(*inputs):
        wake()
        return model(given(inputs), training=False)

    def holds_an_example(inputs):
        return tf.debugging.assert_positive(tf.shape(inputs[0])[0], "the batch must hold one example at least")

    def number_of_flips(number, name: str) -> list:
        """Return the checks of a number of flips."""
        checks = [tf.debugging.assert_positive(number, f"`{name}` must be a positive int")]
        if limit is not None:
            checks.append(tf.debugging.assert_less_equal(number, limit, f"`{name}` must be at most {limit} here"))
        return checks

    def count(*inputs):
        """Both votes of the same flips: one graph for three endpoints, of which each takes what it gives."""
        *inputs, samples = inputs
        samples = _same_in_all(samples, "samples")
        checks = [*number_of_flips(samples, "samples"), holds_an_example(inputs)]
        *inputs, samples = _behind(checks, [*inputs, samples])
        wake()
        of, _ = vote_on(graph, given(inputs), samples)
        return of("majority"), of("mean")

    def vote(*inputs):
        return both(*inputs)[0]

    def mean(*inputs):
        return both(*inputs)[1]

    def single(*inputs):
        return both(*inputs, tf.constant(1))[1]

    def adaptive(*inputs):
        *inputs, error, max_samples = inputs
        error, max_samples = _same_in_all(error, "error"), _same_in_all(max_samples, "max_samples")
        inside = tf.logical_and(error > 0, error < 1)
        checks = [
            tf.debugging.Assert(inside, ["`error` must be in (0, 1). Received:", error]),
            *number_of_flips(max_samples, "max_samples"),
            holds_an_example(inputs),
        ]
        *inputs, error, max_samples = _behind(checks, [*inputs, error, max_samples])
        wake()
        return decide(given(inputs), error, max_samples)

    def number(name, dtype):
        """Specify a number, of any shape: a server that takes requests by rows gives it once per example."""
        return tf.TensorSpec(tf.TensorShape(None), dtype, name=name)  # pyright: ignore[reportArgumentType]

    found: list[tuple] = [("serve", serve, [])]
    if votes(model):
        graph = flipping_graph(model)
        flips = [number("samples", "int32")]
        both = _traced(model, count, flips)
        found += [("vote", vote, flips), ("mean", mean, flips), ("single", single, [])]
        if can_adapt(model):
            decide = until_decided(model)
            found.append(("adaptive", adaptive, [number("error", "float32"), number("max_samples", "int32")]))
    return [(name, _endpoint(model, function, numbers), numbers) for name, function, numbers in found]


def _endpoint(model: keras.Model, function: Callable, numbers: list) -> Callable:
    """Return the endpoint of a function of the served dtypes; uint8 is converted in front of the same graph."""
    import tensorflow as tf

    graph = _traced(model, function, numbers)

    def endpoint(*arguments):
        count = len(model.inputs)
        inputs = [tf.cast(x, _dtype(want)) for x, want in zip(arguments[:count], model.inputs, strict=True)]
        return graph(*inputs, *arguments[count:])

    endpoint.__name__ = function.__name__
    return tf.function(_named(endpoint, _arguments(model, numbers)), autograph=False)


def _traced(model: keras.Model, function: Callable, numbers: list) -> Callable:
    """Return the graph of a function of the served dtypes, traced once.

    A `tf.function` would be traced for every dtype, signature and first call; and nothing here branches on a tensor in
    Python, which took as long to convert: 11 CPU seconds of an export of ResNet-8 became 3.
    """
    import tensorflow as tf

    traced = tf.function(_named(function, _arguments(model, numbers)), autograph=False)
    return traced.get_concrete_function(*signatures(model)[0], *numbers)


def _arguments(model: keras.Model, numbers: list) -> list[str]:
    return [*input_names(model), *(one.name for one in numbers)]


def _same_in_all(number, name: str):
    """Return a number, which may be given once per example, as a scalar."""
    import tensorflow as tf

    numbers = tf.reshape(number, [-1])
    said = [f"`{name}` must be the same in all rows. Received:", numbers]
    check = tf.debugging.Assert(tf.reduce_all(tf.equal(numbers, numbers[:1])), said)
    (numbers,) = _behind([check], [numbers])
    return numbers[0]


def _behind(checks: list, tensors: list) -> list:
    """Return the tensors once the checks have passed.

    TensorFlow orders a check before what has state alone: a division by the batch's size may else fail before it.
    """
    import tensorflow as tf

    with tf.control_dependencies(checks):
        return [tf.identity(one) for one in tensors]


def with_named_outputs(model: keras.Model, function: Callable, inputs: list) -> Callable:
    """Return the signature of an endpoint for inputs of these specifications: its outputs by the model's names."""
    import tensorflow as tf

    def named(*arguments):
        found = function(*arguments)
        if isinstance(found, dict):
            return found
        return dict(zip(output_names(model), keras.tree.flatten(found), strict=True))

    return tf.function(_named(named, [one.name for one in inputs]), autograph=False).get_concrete_function(*inputs)


def _named(function: Callable, names: list[str]) -> Callable:
    """Return the function with its arguments' names, by which a SavedModel's signature calls them."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    identifiers = [re.sub(r"\W", "_", name) for name in names]
    signature = inspect.Signature([inspect.Parameter(name, kind) for name in identifiers])

    def named(*arguments, **keywords):
        return function(*signature.bind(*arguments, **keywords).args)

    named.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    named.__name__ = function.__name__
    return named


def reseed(model: keras.Model, fresh) -> Callable:
    """Return the endpoint that starts all coins from a seed."""
    import tensorflow as tf

    def start(seed):
        for index, coin in enumerate(_states(model)):
            key = tf.stack([seed, tf.constant(index, "int64")])
            bits = tf.random.stateless_uniform([2], key, None, None, coin.dtype)  # pyright: ignore[reportArgumentType]
            coin.value.assign(bits)
        fresh.assign(False)
        return seed

    return start
