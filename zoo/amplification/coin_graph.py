"""Take a coin-flipping model apart: what runs once per example, what runs once per flip, what is behind the votes."""

import functools
import math
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from zoo.graph import describe, inner_layers, last_operation, mask_of
from zoo.layers import Amplify, CoinFlip, HyperDense, MajorityVote, RandomInput, SharedDraws
from zoo.layers.coins import flips_coins, is_coin
from zoo.layers.equal_rows import repeated
from zoo.layers.flip_rows import DRAW, EXAMPLE, FLIP, VOTED, graph_of, has_graph, kinds_of, nodes, role_of
from zoo.layers.random_input import FIXED_ROWS
from zoo.rebuilt import call_nodes, flattened, like, new_inputs, new_outputs

_ROWS = 800  # of examples' flips evaluated at once, if nobody says how many: 25 flips of 32 images
_NUMBERS = 2**18  # in one tensor of more rows than that, of small models: 1 MB, about what a core's cache holds
# Of large models fewer rows, at least the flips of one image: the next layer finds 2^21 numbers in a cache.
_LEAST_ROWS, _MOST_NUMBERS = 25, 2**21
_DRAWS = 250  # of weights that the batch shares, which take little memory


@functools.cache
def _has_gpu() -> bool:
    """Return whether TensorFlow has a device that wants many rows and has no such caches."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


class CoinGraph(NamedTuple):
    """The parts of a model, sharing its layers.

    Attributes:
        prefix: From the model's inputs, once per example, to a list of tensors: first the `repeated`, which `Amplify`
            layers repeat; then the `met`, which meet weights drawn by a generator; then those `beside` the flips.
        suffix: From `rows(...)` of those tensors to a list of each vote's logits `(rows, ...)`.
        tail: From the tensors `beside` the flips and the results of the votes to the model's outputs.
        votes: The model's `MajorityVote` layers, in the order of the suffix's outputs.
        masks: From the model's inputs, flattened, to the masks of the votes' rows that have one, or None.
        masked: Positions among the votes of what `masks` gives.
        repeated: Number of tensors that are repeated.
        met: Number of tensors that meet drawn weights.
        branches: Number of `SharedDraws` layers.
        width: Most numbers of a row in any tensor of the suffix; 0 if a shape is not known.
    """

    prefix: keras.Model
    suffix: keras.Model
    tail: keras.Model
    votes: list[MajorityVote]
    masks: keras.Function | None
    masked: list[int]
    repeated: int
    met: int
    branches: int
    width: int

    @property
    def samples(self) -> int:
        """Flips of the model."""
        return self.votes[0].samples

    @property
    def ends_in_votes(self) -> bool:
        """Return whether every vote is an output itself, whatever else is behind it."""
        outputs = set(map(id, self.tail.outputs))
        return all(id(x) in outputs for x in self.tail.inputs[-len(self.votes) :])

    def flips_in_block(self, batch):
        """Number of flips of a batch, an int or a tensor, whose coins start from a seed and the block's number."""
        return self._flips(batch, _ROWS)

    def flips_at_once(self, batch):
        """Default number of flips evaluated at once of a batch, an int or a tensor: on TensorFlow as rows are small."""
        return self._flips(batch, self.rows_at_once)

    @property
    def rows_at_once(self) -> int:
        """Default number of examples' flips evaluated at once, if they are not of one example."""
        if keras.backend.backend() != "tensorflow" or not self.width:  # a loop costs nothing in XLA
            return _ROWS
        most = _ROWS if _has_gpu() else min(_ROWS, max(_LEAST_ROWS, _MOST_NUMBERS // self.width))
        return max(_NUMBERS // self.width, most)

    @property
    def leaves_caches(self) -> bool:
        """Return whether TensorFlow runs few rows at once, because more would leave its caches."""
        return self.rows_at_once < _ROWS and not self.branches

    def _flips(self, batch, rows: int):
        if self.branches and not self.repeated:
            return _DRAWS
        return max(1, rows // batch) if isinstance(batch, int) else ops.maximum(1, rows // batch)

    def rows(self, hidden: list, flips) -> list:
        """Repeat the prefix's outputs for a number of flips (an int or an int tensor): the inputs of `suffix`."""
        examples, met = hidden[: self.repeated], hidden[self.repeated : self.repeated + self.met]
        met = [ops.convert_to_tensor(one) for one in met]  # torch takes no arrays beside tensors
        return [*(repeated(h, flips) for h in examples), *met, *[ops.zeros((flips, 1))] * self.branches]

    def beside(self, hidden: list) -> list:
        """Return those of the prefix's outputs that the tail takes."""
        return hidden[self.repeated + self.met :]


# A model's parts are asked for at every batch; they must not keep the model alive. A Sequential may get other layers.
_GRAPHS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_FLIPPING: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def coin_graph(model: keras.Model) -> CoinGraph:
    """Split a model at its `Amplify` or `SharedDraws` layers and its `MajorityVote` layers, at any depth.

    Raises:
        ValueError: If the model is neither Functional nor Sequential, does not have `Amplify` or `SharedDraws` layers
            and a `MajorityVote`, they differ in `samples`, or flips reach an output without a vote.
    """
    return kept_of(_GRAPHS, model, lambda: _split(dissolved(model)))


def kept_of(cache: weakref.WeakKeyDictionary, model: keras.Model, make: Callable[[], Any]) -> Any:
    """Return what a cache has of a model's present graph; make it if there is none."""
    graph = graph_of(model) if has_graph(model) else model
    if model not in cache or cache[model][0]() is not graph:
        cache[model] = weakref.ref(graph), make()
    return cache[model][1]


def votes(model: keras.Model) -> bool:
    """Return whether a model votes, itself or in a model inside."""
    return any(role_of(layer) == "vote" for layer in inner_layers(model))


def has_coins(model: keras.Model) -> bool:
    """Return whether a model flips coins at inference, or would if it were amplified."""
    return flips_coins(model) or any(is_coin(layer) for layer in inner_layers(model))


def dissolved(model: keras.Model, replace=lambda layer: layer) -> keras.Model:
    """Return the graph with all that flips or votes in it, not in models inside; `replace` gives layers for others."""
    return flattened(model, _concerns_flips, replace)


def with_amplification(model: keras.Model, samples: int, vote: str, flip_at_inference: bool) -> keras.Model:
    """Return the graph with another amplification over the same layers, variables and generators.

    Raises:
        ValueError: If a layer flips coins that cannot be switched, or has no mean in their place.
    """
    graph = dissolved(model, lambda layer: _replacement(layer, samples, vote, flip_at_inference))
    if not flip_at_inference:
        _check_means(graph)
    return graph


def _check_means(graph: keras.Model) -> None:
    """Refuse fixed draws in turn among rows of flips: with coins off, each example would have another one."""
    drawing = [n for n in nodes(graph) if isinstance(n.operation, RandomInput) and n.operation.without_flips == "draws"]
    kinds = kinds_of(graph, dict.fromkeys(map(id, graph.inputs), EXAMPLE)) if drawing else {}
    for node in drawing:
        if kinds[id(node.outputs[0])] == FLIP:
            raise ValueError(
                f'`without_flips` of {node.operation.name!r} must be "mean" behind Amplify, where its fixed draws '
                "would depend on an example's place in the batch. Received: without_flips='draws'"
            )


def flipping_graph(model: keras.Model) -> CoinGraph:
    """Return the parts of a model with its coins on, even if they are off at inference."""
    if all(layer.flip_at_inference for layer in inner_layers(model) if is_coin(layer) and not _fixed(layer)):
        return coin_graph(model)

    def split() -> CoinGraph:
        samples = next((layer.samples for layer in inner_layers(model) if isinstance(layer, MajorityVote)), 1)
        return _split(with_amplification(model, samples, "majority", flip_at_inference=True))

    return kept_of(_FLIPPING, model, split)


def _concerns_flips(model: keras.Model) -> bool:
    return flips_coins(model) or any(is_coin(layer) or role_of(layer) for layer in inner_layers(model))


def _fixed(layer) -> bool:
    return getattr(layer, "fixed", False)


def _replacement(layer, samples: int, vote: str, flip_at_inference: bool):
    if not isinstance(layer, keras.layers.Layer):
        return layer
    config = layer.get_config() if role_of(layer) else {}
    if isinstance(layer, Amplify):
        return Amplify.from_config({**config, "samples": samples})
    if isinstance(layer, SharedDraws):
        return SharedDraws.from_config({**config, "samples": samples if flip_at_inference else FIXED_ROWS})
    if isinstance(layer, HyperDense) and layer.shared:
        return HyperDense.from_config({**config, "expected": not flip_at_inference})
    if isinstance(layer, MajorityVote):
        vote = "mean" if layer.kind == "numbers" else vote
        return MajorityVote.from_config({**config, "samples": samples, "vote": vote})
    if is_coin(layer):
        # one stream of coins however amplified
        return (
            layer if layer.flip_at_inference == flip_at_inference else layer.with_flip_at_inference(flip_at_inference)
        )
    return layer if not _holds_coins(layer) else _switched(layer, flip_at_inference)


def _holds_coins(layer: keras.layers.Layer) -> bool:
    return flips_coins(layer) or any(is_coin(inner) for inner in inner_layers(layer))


def _switched(layer: keras.layers.Layer, flip_at_inference: bool) -> keras.layers.Layer:
    """Return a layer that holds coins, such as a `TimeDistributed`, with all of them on or off."""
    if flip_at_inference and all(inner.flip_at_inference for inner in inner_layers(layer) if is_coin(inner)):
        return layer
    if not any(is_coin(inner) for inner in inner_layers(layer)):
        raise ValueError(
            f"{layer.name!r} ({type(layer).__name__}) draws random numbers at inference and cannot be switched: derive "
            "it from zoo.layers.CoinLayer, or give its call a `training` argument and use zoo.with_coins."
        )
    return CoinFlip(layer, flip_at_inference, name=layer.name)


def _split(graph: keras.Model) -> CoinGraph:
    """Split a graph in which all that flips or votes lies in nodes of its own."""
    ordered = [node for node in nodes(graph) if not node.is_input]
    kinds = kinds_of(graph, dict.fromkeys(map(id, graph.inputs), EXAMPLE))
    of = {role: [node for node in ordered if role_of(node.operation) == role] for role in ("amplify", "draws", "vote")}
    _check_parts(graph, of, kinds)
    places = {id(x): index for index, x in enumerate(graph.outputs)}
    of["vote"].sort(key=lambda node: places.get(id(node.outputs[0]), len(places)))  # as the model names its outputs
    flipped = [node for node in ordered if kinds[id(node.outputs[0])] in (FLIP, DRAW)]
    inner = [node for node in flipped if node not in of["amplify"] and node not in of["draws"]]
    behind = [n for n in ordered if kinds[id(n.outputs[0])] == VOTED and n not in of["vote"]]
    voted = [node.outputs[0] for node in of["vote"]]
    repeated = [node.input_tensors[0] for node in of["amplify"]]
    met = _examples_among([x for node in inner for x in node.input_tensors], kinds)
    beside = _examples_among([*(x for node in behind for x in node.input_tensors), *graph.outputs], kinds)

    inputs, tensors = new_inputs(graph)
    call_nodes([node for node in ordered if kinds[id(node.outputs[0])] == EXAMPLE], tensors, _call)
    prefix = keras.Model(inputs, [tensors[id(x)] for x in (*repeated, *met, *beside)])

    given = [*(node.outputs[0] for node in of["amplify"]), *met, *(node.outputs[0] for node in of["draws"])]
    tensors = {id(x): _any_batch(x) for x in given}
    suffix_inputs = [tensors[id(x)] for x in given]
    call_nodes(inner, tensors, _call)
    logits = [tensors[id(node.input_tensors[0])] for node in of["vote"]]
    masks = [mask_of(node.input_tensors[0]) for node in of["vote"]]
    masked = [index for index, mask in enumerate(masks) if mask is not None]

    tensors = {id(x): like(x) for x in (*beside, *voted)}
    tail_inputs = [tensors[id(x)] for x in (*beside, *voted)]
    call_nodes(behind, tensors, _call)
    return CoinGraph(
        prefix=prefix,
        suffix=keras.Model(suffix_inputs, logits),
        tail=keras.Model(tail_inputs, new_outputs(graph, tensors)),
        votes=[node.operation for node in of["vote"]],
        masks=keras.Function(graph.inputs, [masks[index] for index in masked]) if masked else None,
        masked=masked,
        repeated=len(repeated),
        met=len(met),
        branches=len(of["draws"]),
        width=_width(suffix_inputs + [x for node in inner for x in node.outputs]),
    )


def _width(tensors: list[keras.KerasTensor]) -> int:
    """Return the most numbers in a row of any tensor, 0 if a shape is not known."""
    sizes = [x.shape[1:] for x in tensors]
    return 0 if any(None in size for size in sizes) else max(math.prod(size) for size in sizes)


def _call(operation, node, arguments, keywords):
    return operation(*arguments, **keywords)


def _any_batch(tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Return an input like a tensor, for any number of rows."""
    return keras.Input(batch_shape=(None, *tensor.shape[1:]), dtype=tensor.dtype)


def _examples_among(tensors: list, kinds: dict[int, str]) -> list:
    """Return the tensors with one row per example, each once and in the order of the graph."""
    return list({id(x): x for x in tensors if kinds[id(x)] == EXAMPLE}.values())


def _check_parts(graph: keras.Model, of: dict[str, list], kinds: dict[int, str]) -> None:
    if not of["vote"] or not (of["amplify"] or of["draws"]):
        calls = {name: len(of[role]) for name, role in (("Amplify", "amplify"), ("SharedDraws", "draws"))}
        raise ValueError(
            "`model` must be a model with Amplify layers or SharedDraws layers and a MajorityVote; zoo.with_coins "
            f"makes one of a model without. Received: {describe(graph)} with calls {calls} and {len(of['vote'])} of "
            "MajorityVote"
        )
    for output in graph.outputs:
        if kinds[id(output)] in (FLIP, DRAW):
            raise ValueError(
                f"`model` must vote on every output that flips. Received: {describe(graph)} whose output "
                f"{last_operation(output).name!r} has rows of flips"
            )
    wanted = of["vote"][0].operation.samples
    for node in (*of["amplify"], *of["vote"]):  # MajorityVote itself counts the rows, but not those of joined branches
        if node.operation.samples != wanted:
            raise ValueError(
                f"`samples` of {node.operation.name!r} must be that of MajorityVote, {wanted}. "
                f"Received: samples={node.operation.samples}"
            )
