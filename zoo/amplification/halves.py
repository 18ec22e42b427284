"""Take a coin-flipping model apart: what runs once per example, what runs once per flip, and the coins."""

import weakref
from typing import NamedTuple

import keras
from keras import ops

from zoo.graph import describe, nodes, uncompiled
from zoo.layers import Amplify, HyperDense, MajorityVote, SharedDraws
from zoo.layers.coins import is_coin
from zoo.layers.random_input import FIXED_ROWS


class CoinGraph(NamedTuple):
    """The two halves of a model, sharing its layers.

    `prefix` maps the model's inputs, once per example, to what meets the coins: what `Amplify` layers repeat, or what
    meets weights drawn by a generator. `suffix` maps `rows(...)` of that to the logits of each flip `(rows, classes)`.
    `majority` is the model's MajorityVote, `branches` the number of `SharedDraws` layers (0: flips by `Amplify`).
    """

    prefix: keras.Model
    suffix: keras.Model
    majority: MajorityVote
    branches: int

    @property
    def chunk(self) -> int:
        """Default number of flips evaluated at once; shared draws take little memory."""
        return 250 if self.branches else 25

    def rows(self, hidden: list, flips) -> list:
        """Repeat `hidden` for a number of flips (an int or an int tensor) of every example: the inputs of `suffix`."""
        if self.branches:
            return [*hidden, *[ops.zeros((flips, 1))] * self.branches]
        return [ops.repeat(h, flips, axis=0) for h in hidden]


# A model's halves are asked for at every batch; they must not keep the model alive.
_GRAPHS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_FLIPPING: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def coin_graph(model: keras.Model) -> CoinGraph:
    """Split a model at its `Amplify` or `SharedDraws` layers and its `MajorityVote`.

    Raises:
        ValueError: If the model is neither Functional nor Sequential, does not have `Amplify` or `SharedDraws` layers
            (only one kind of them) and one `MajorityVote`, or they differ in `samples`.
    """
    if model not in _GRAPHS:
        _GRAPHS[model] = _split(model)
    return _GRAPHS[model]


def has_coins(model: keras.Model) -> bool:
    """Tell whether a model votes; all others are deterministic at inference."""
    return any(isinstance(layer, MajorityVote) for layer in model.layers)


def with_coins(model: keras.Model, samples: int, vote: str, flip_at_inference: bool) -> keras.Model:
    """Clone the graph with another amplification over the same layers, variables and generators."""
    replaced: dict[keras.layers.Layer, keras.layers.Layer] = {}

    def replace(layer):
        if layer not in replaced:
            replaced[layer] = _replacement(layer, samples, vote, flip_at_inference)
        return replaced[layer]

    _split(model)  # refuses what is not a coin-flipping model
    return keras.models.clone_model(
        uncompiled(model), clone_function=replace
    )  # a compiled clone would be compiled, too


def flipping_graph(model: keras.Model) -> CoinGraph:
    """Return the halves of a model with its coins on, even if they are off at inference."""
    if all(layer.flip_at_inference for layer in model.layers if is_coin(layer)):
        return coin_graph(model)
    if model not in _FLIPPING:
        _FLIPPING[model] = _split(with_coins(model, 1, "majority", flip_at_inference=True))
    return _FLIPPING[model]


def _replacement(layer, samples: int, vote: str, flip_at_inference: bool) -> keras.layers.Layer:
    config = layer.get_config()
    if isinstance(layer, Amplify):
        return Amplify.from_config({**config, "samples": samples})
    if isinstance(layer, SharedDraws):
        return SharedDraws.from_config({**config, "samples": samples if flip_at_inference else FIXED_ROWS})
    if isinstance(layer, HyperDense) and layer.shared:
        return HyperDense.from_config({**config, "expected": not flip_at_inference})
    if isinstance(layer, MajorityVote):
        return MajorityVote.from_config({**config, "samples": samples, "vote": vote})
    if is_coin(layer) and layer.flip_at_inference != flip_at_inference:
        return layer.with_flip_at_inference(flip_at_inference)  # one stream of coins however amplified
    return layer


def _split(model: keras.Model) -> CoinGraph:
    model = uncompiled(model)
    if any(isinstance(layer, SharedDraws) for layer in model.layers):
        # A model from its input and from the middle gives the input another history: the first could not be saved.
        model = keras.models.clone_model(model, clone_function=lambda layer: layer)
    ordered = nodes(model)
    cuts = [node for node in ordered if isinstance(node.operation, Amplify | SharedDraws)]
    majorities = [node for node in ordered if isinstance(node.operation, MajorityVote)]
    _check_cuts(model, cuts, majorities)
    majority = majorities[0]
    if isinstance(cuts[0].operation, Amplify):
        met, branches = [node.input_tensors[0] for node in cuts], []
    else:
        met, branches = _met_by(cuts, ordered), [node.outputs[0] for node in cuts]
    return CoinGraph(
        prefix=keras.Model(model.input, met),
        suffix=keras.Model([*met, *branches] if branches else [c.outputs[0] for c in cuts], majority.input_tensors[0]),
        majority=majority.operation,
        branches=len(branches),
    )


def _met_by(cuts: list, nodes: list) -> list:
    """Tensors of the data's path that the draws' branches meet, each once, in the order of the graph."""
    drawn, met = {id(tensor) for node in cuts for tensor in node.outputs}, {}
    for node in nodes:
        if node not in cuts and any(id(tensor) in drawn for tensor in node.input_tensors):
            drawn |= {id(tensor) for tensor in node.outputs}
            met |= {id(tensor): tensor for tensor in node.input_tensors if id(tensor) not in drawn}
    return list(met.values())


def _check_cuts(model: keras.Model, cuts: list, majorities: list) -> None:
    kinds = {type(node.operation) for node in cuts}
    if len(kinds) != 1 or len(majorities) != 1:
        calls = {kind.__name__: sum(type(node.operation) is kind for node in cuts) for kind in (Amplify, SharedDraws)}
        raise ValueError(
            "`model` must be a model with Amplify layers or SharedDraws layers and one MajorityVote in its own graph. "
            f"Received: {describe(model)} with calls {calls} and {len(majorities)} of MajorityVote"
        )
    wanted = majorities[0].operation.samples
    for node in cuts:  # MajorityVote itself counts the rows, but not those of branches that are joined
        if isinstance(node.operation, Amplify) and node.operation.samples != wanted:
            raise ValueError(
                f"`samples` of {node.operation.name!r} must be that of MajorityVote, {wanted}. "
                f"Received: samples={node.operation.samples}"
            )
