"""Take a coin-flipping model apart: what runs once per example, what runs once per flip, and the coins."""

import weakref
from typing import NamedTuple

import keras

from layers import Amplify, MajorityVote
from zoo.bare import bare, describe


class CoinGraph(NamedTuple):
    """The two halves of a model, sharing its layers.

    `prefix` maps the model's inputs to what its `Amplify` layers repeat, once per example. `suffix` maps those
    tensors, one row per flip, to the logits of each flip `(rows, classes)`. `majority` is the model's MajorityVote.
    """

    prefix: keras.Model
    suffix: keras.Model
    majority: MajorityVote


# A model's halves are asked for at every batch; they must not keep the model alive.
_GRAPHS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_FLIPPING: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def coin_graph(model: keras.Model) -> CoinGraph:
    """Split a model at its `Amplify` layers and its `MajorityVote`.

    Raises:
        ValueError: If the model is neither Functional nor Sequential, or does not have `Amplify` layers and one
            `MajorityVote`.
    """
    if model not in _GRAPHS:
        _GRAPHS[model] = _split(model)
    return _GRAPHS[model]


def has_coins(model: keras.Model) -> bool:
    """Whether a model votes: all others are deterministic at inference."""
    return any(isinstance(layer, MajorityVote) for layer in model.layers)


def is_coin(layer: keras.layers.Layer) -> bool:
    """Whether a layer flips coins: it then has the argument `flip_at_inference`."""
    return hasattr(layer, "flip_at_inference")


def with_coins(model: keras.Model, samples: int, vote: str, flip_at_inference: bool) -> keras.Model:
    """Clone the graph with another amplification over the same layers, variables and generators."""
    replaced: dict[keras.layers.Layer, keras.layers.Layer] = {}

    def replace(layer):
        if layer not in replaced:
            replaced[layer] = _replacement(layer, samples, vote, flip_at_inference)
        return replaced[layer]

    _split(model)  # refuses what is not a coin-flipping model
    return keras.models.clone_model(bare(model), clone_function=replace)  # a compiled clone would be compiled, too


def flipping_graph(model: keras.Model) -> CoinGraph:
    """The halves of a model with its coins on, also where they are off at inference."""
    if all(layer.flip_at_inference for layer in model.layers if is_coin(layer)):
        return coin_graph(model)
    if model not in _FLIPPING:
        _FLIPPING[model] = _split(with_coins(model, 1, "majority", flip_at_inference=True))
    return _FLIPPING[model]


def _replacement(layer, samples: int, vote: str, flip_at_inference: bool) -> keras.layers.Layer:
    config = layer.get_config()
    if isinstance(layer, Amplify):
        return Amplify.from_config({**config, "samples": samples})
    if isinstance(layer, MajorityVote):
        return MajorityVote.from_config({**config, "samples": samples, "vote": vote})
    if is_coin(layer) and layer.flip_at_inference != flip_at_inference:
        coin = type(layer).from_config({**config, "flip_at_inference": flip_at_inference})
        own, coin.seed_generator = coin.seed_generator, layer.seed_generator  # one stream of coins however amplified
        coin._tracker.untrack(own)
        return coin
    return layer


def _split(model: keras.Model) -> CoinGraph:
    model = bare(model)
    nodes = [node for level in model._nodes_by_depth.values() for node in level]
    amplified = [node for node in nodes if isinstance(node.operation, Amplify)]
    majorities = [node for node in nodes if isinstance(node.operation, MajorityVote)]
    if not amplified or len(majorities) != 1:
        raise ValueError(
            "`model` must be a model with Amplify layers and one MajorityVote in its own graph. Received: "
            f"{describe(model)} with {len(amplified)} calls of Amplify and {len(majorities)} of MajorityVote"
        )
    return CoinGraph(
        prefix=keras.Model(model.input, [node.input_tensors[0] for node in amplified]),
        suffix=keras.Model([node.outputs[0] for node in amplified], majorities[0].input_tensors[0]),
        majority=majorities[0].operation,
    )
