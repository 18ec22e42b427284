"""A model as one frozen TensorFlow graph, whose draws are the runtime's, inputs or outputs."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from zoo.graph import ends, inner_layers, uncompiled
from zoo.layers.coin_bits import by_numbers
from zoo.layers.coins import coin_states
from zoo.layers.random_input import BELOW_ONE
from zoo.serving.draws import SEED, Draws
from zoo.serving.endpoints import output_names
from zoo.serving.noise import Noise
from zoo.serving.plain_operations import plain

_SEEN = "seen"
_LARGEST_RANGE = 2**20


class FrozenGraph(NamedTuple):
    """A graph without variables, of operations that all runtimes have.

    Attributes:
        definition: The `GraphDef`.
        inputs: Names of the model's inputs, which are placeholders.
        outputs: Names of tensors by the outputs' names.
        draws: Names of tensors that follow from random numbers alone, by the names of their noise.
        laws: The law of each of these, in the words of `Noise`.
    """

    definition: Any
    inputs: list[str]
    outputs: dict[str, str]
    draws: dict[str, str]
    laws: dict[str, dict]


def frozen_graph(model: keras.Model, inputs: list[str]) -> FrozenGraph:
    """Trace a model with its coins on and freeze it, all flips of a batch at once.

    Args:
        model: A Functional model.
        inputs: Names for its inputs.

    Raises:
        ValueError: If it draws inside a loop, or numbers that are neither uniform nor normal.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    graph = uncompiled(model)
    states = [(state, keras.ops.convert_to_numpy(state.value)) for state in coin_states(graph)]

    def serve(*given):
        held = [(state, tf.constant(value, name=SEED)) for state, value in states]
        with keras.StatelessScope(state_mapping=held), by_numbers():
            found = graph(keras.tree.pack_sequence_as(ends(graph)[0], given), training=False)
        return [tf.identity(one) for one in keras.tree.flatten(found)]

    specs = [tf.TensorSpec((None, *x.shape[1:]), x.dtype, name=n) for x, n in zip(model.inputs, inputs, strict=True)]
    traced = tf.function(serve, autograph=False).get_concrete_function(*specs)
    frozen = convert_variables_to_constants_v2(traced, lower_control_flow=False)
    definition = frozen.graph.as_graph_def(add_shapes=True)
    found = Draws(definition, [one.name.split(":")[0] for one in frozen.outputs], {x.name for x in inner_layers(graph)})
    names = dict(zip(output_names(graph), [one.name for one in frozen.outputs], strict=True))
    given = [one.name.split(":")[0] for one in frozen.inputs]
    return FrozenGraph(plain(definition), given, names, found.tensors, found.laws)


def noise_of(frozen: FrozenGraph, examples: Callable[[int], list]) -> list[Noise]:
    """Describe the draws: their shapes are looked at for two and for three examples.

    Args:
        frozen: The graph.
        examples: Gives arrays for the inputs by their number of rows.

    Raises:
        ValueError: If a shape depends on more than the number of examples.
    """
    run = seen(frozen)
    found = [run(examples(batch)) for batch in (2, 3)]
    noise = []
    for name, law in frozen.laws.items():
        two, three = (one[name].shape for one in found)
        grows = two != three
        shape = (two[0] // 2, *two[1:]) if grows else two
        noise.append(Noise(name, found[0][name].dtype.name, shape, grows, **law))
        if noise[-1].shape_of(3) != three:
            raise ValueError(
                "`model` must draw numbers whose shape is that of an example times the batch. Received: "
                f"{name!r} of {two} for 2 examples and {three} for 3"
            )
    return noise


def seen(frozen: FrozenGraph) -> Callable[[list[np.ndarray]], dict[str, np.ndarray]]:
    """Return a function of a batch to its outputs and what was drawn for them, by their names."""
    import tensorflow as tf

    function = exported(frozen, _SEEN)
    return lambda given: {name: one.numpy() for name, one in function(*map(tf.constant, given)).items()}


def exported(frozen: FrozenGraph, coins: str, noise: Sequence[Noise] = ()):
    """Return the graph as a concrete TensorFlow function of its inputs to a dict of outputs.

    Args:
        frozen: The graph.
        coins: "off": there are no draws; "live": the runtime draws the noise; "input": the noise are inputs, by
            its names; "seen": the draws are as traced, and are outputs by their names.
        noise: The draws, for "live" and "input".
    """
    import tensorflow as tf

    with tf.Graph().as_default() as whole:
        tf.import_graph_def(frozen.definition, name="")
        kinds = {name: whole.get_tensor_by_name(f"{name}:0") for name in frozen.inputs}

    def build():
        given = {name: tf.compat.v1.placeholder(one.dtype, one.shape, name) for name, one in kinds.items()}
        if coins == "input":
            drawn = {one.name: tf.compat.v1.placeholder(one.dtype, one.batch_shape, one.name) for one in noise}
        else:
            drawn = drawn_inside(noise, tf.shape(given[frozen.inputs[0]])[0]) if coins == "live" and noise else {}
        by_tensor = {f"{name}:0": one for name, one in given.items()}
        by_tensor.update((frozen.draws[name], one) for name, one in drawn.items())
        tf.import_graph_def(frozen.definition, input_map=by_tensor, name="graph")

    wrapped = tf.compat.v1.wrap_function(build, [])
    inputs = [*frozen.inputs, *([one.name for one in noise] if coins == "input" else [])]
    outputs = {**frozen.outputs, **(frozen.draws if coins == _SEEN else {})}
    return wrapped.prune(
        [wrapped.graph.get_tensor_by_name(f"{name}:0") for name in inputs],
        {name: wrapped.graph.get_tensor_by_name(f"graph/{tensor}") for name, tensor in outputs.items()},
    )


def check_live(noise: Sequence[Noise]) -> None:
    """Refuse noise that a runtime cannot draw: it makes all numbers of float32 ones, of 23 random bits.

    Raises:
        ValueError: If there are integers of a range above 2**20.
    """
    for one in noise:
        if one.law == "integers" and one.high - one.low > _LARGEST_RANGE:
            raise ValueError(
                f'`model` must draw integers of {_LARGEST_RANGE} at most where coins="live"; coins="input" takes any. '
                f"Received: {one.name!r} from {one.low} to {one.high}"
            )


def drawn_inside(noise: Sequence[Noise], batch) -> dict[str, Any]:
    """Draw noise in a TensorFlow graph, all of it by one operation.

    Runtimes may take two operations that draw for one, or seed them alike.
    """
    import tensorflow as tf

    sizes = [math.prod(one.shape) * (batch if one.times_batch else 1) * (1 + (one.law == "normal")) for one in noise]
    # seeds of 0 are the runtime's own
    pool = tf.raw_ops.RandomUniform(shape=tf.stack([sum(sizes)]), dtype=tf.float32, seed=0, seed2=0)
    drawn, begin = {}, 0
    for one, size in zip(noise, sizes, strict=True):
        shape = tf.stack(one.shape_of(batch))
        numbers = tf.slice(pool, tf.stack([begin]), tf.stack([size]))
        begin += size
        if one.law == "normal":  # Box-Muller transform
            first, second = (tf.reshape(half, shape) for half in tf.split(numbers, 2))
            numbers = tf.sqrt(-2 * tf.math.log(1 - first)) * tf.cos(2 * math.pi * second)
        else:
            numbers = tf.reshape(numbers, shape)
        if one.law == "bernoulli":
            numbers = numbers < one.p
        elif one.law == "integers":
            numbers = tf.minimum(tf.floor(numbers * (one.high - one.low)), one.high - one.low - 1)
        elif one.law == "uniform":
            numbers = tf.minimum(numbers, BELOW_ONE.get(one.dtype, 1.0))
        numbers = tf.cast(numbers, one.dtype)
        drawn[one.name] = numbers + one.low if one.law == "integers" else numbers  # low may be beyond a float32
    return drawn
