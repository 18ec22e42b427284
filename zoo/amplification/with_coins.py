"""with_coins: any Keras model becomes one whose random layers flip at inference and whose flips vote."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras

from zoo.amplification.amplified import AmplifiedModel
from zoo.amplification.coin_graph import coin_graph
from zoo.amplification.vote_of_output import vote_of_output, votes_by_name
from zoo.graph import check_model, compile_like, describe, inner_layers
from zoo.layers import Amplify, CoinFlip, CoinFlipDropout
from zoo.layers.arguments import check_known, positive_int, proper_fraction
from zoo.layers.coin_generator import keras_seed
from zoo.layers.coins import is_coin, random_in_training
from zoo.layers.flip_rows import nodes, role_of
from zoo.layers.seeds import layer_seeds
from zoo.rebuilt import call_nodes, flattened, new_inputs, new_outputs

_DROPOUTS = (
    keras.layers.Dropout,  # and its subclasses, the spatial ones
    keras.layers.GaussianDropout,
    keras.layers.AlphaDropout,
)
_AUGMENTATION = "keras.src.layers.preprocessing"  # the module of Keras's Random* layers, which are left as they are


def with_coins(
    model: keras.Model,
    samples: int = 25,
    *,
    rate: float | None = None,
    where: str | Iterable[str] | Callable[[keras.layers.Layer], bool] | None = None,
    vote: str | dict[str, str] | None = None,
    seed: int | None = None,
) -> AmplifiedModel:
    """Return a model whose random layers flip coins at inference and whose flips vote, over the same variables.

    Every dropout and noise layer, recurrent and attention dropout, every layer of your own that draws in training flips
    at inference, in the model's graph, in models inside at any depth, and inside other layers. The rows are repeated as
    late as possible, right before the first coin of each path, so that what is before runs once per example. Layers
    behind it must treat every row alone: one that compares the examples of a batch would see their flips as further
    examples. Batch normalisation keeps its statistics of inference. `zoo.amplify` changes flips and vote afterwards,
    and `zoo.amplify(..., 1, "expected")` gives the outputs of `model` itself again.

    An output that ends in a softmax votes on classes, one that ends in a sigmoid on each unit, yes or no. Every other
    output is a number, of which the mean is taken. Logits do not tell that they are some: for them say
    `vote="majority"` (of one unit: yes or no above 0), and the result is a distribution. With coins off it is then
    their softmax.

    Args:
        model: A Functional model, or a built Sequential one. It is left as it is.
        samples: Positive int, flips per example.
        rate: None, or a float in [0, 1): the rate of every dropout, in place of its own; and that of inserted coins.
        where: None: all random layers flip, but for augmentation (`RandomFlip` and the like); if there is none, a coin
            of `rate` is inserted before the last layer with a kernel. Else names, or a function that tells of a layer
            whether it is meant: of random layers these flip and the others keep to training; before other layers a
            coin of `rate` is inserted.
        vote: None, as above; "majority" or "mean"; or a dict of these by the outputs' names, `model.output_names`.
        seed: None (drawn; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32), of the coins.

    Returns:
        A Functional model. It is compiled like `model` unless it votes on logits, where a loss `from_logits` would be
        wrong; losses by the names of outputs are then by those of their votes, its `output_names`. A `train_step`
        that a subclass brings is not taken over.

    Raises:
        ValueError: If an argument is out of range, the model flips at inference already, has no graph, or a layer
            cannot be made to flip; the message names it.

    Example:
        >>> inputs = keras.Input((4,))
        >>> hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(8, activation="relu")(inputs))
        >>> model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
        >>> coins = zoo.with_coins(model, samples=10, seed=0)
        >>> votes = coins.predict(np.ones((1, 4)), verbose=0)
        >>> votes.shape, bool(np.isclose(votes.sum(), 1))
        ((1, 3), True)
        >>> plain = zoo.amplify(coins, 1, "expected")
        >>> bool((plain.predict(np.ones((1, 4)), verbose=0) == model.predict(np.ones((1, 4)), verbose=0)).all())
        True
    """
    check_model(model)
    positive_int("samples", samples)
    rate = None if rate is None else proper_fraction("rate", rate)
    _check_no_flips(model)
    wanted = _wanted(model, where)
    seeds = layer_seeds(seed)
    whole = not random_in_training(model)  # the coin is inserted wherever the last kernel is
    flat = flattened(model, lambda one: whole or _concerns(one, wanted), lambda layer: layer)
    coins = _Coins(flat, rate, wanted, seeds)
    inputs, outputs, on_logits = _amplified(flat, coins, samples, vote)
    made = AmplifiedModel(inputs, outputs, name=model.name)
    coin_graph(made)  # refuses what cannot be amplified
    if not on_logits:
        compile_like(made, model)
    return made


def _check_no_flips(model: keras.Model) -> None:
    fixed = [x for x in getattr(model, "inputs", None) or [] if x.shape[0] is not None]
    if fixed:
        raise ValueError(
            f"`model` must take batches of any size. Received: input {fixed[0].name!r} of {fixed[0].shape}"
        )
    found = [layer for layer in inner_layers(model) if is_coin(layer) or role_of(layer)]
    if found:
        raise ValueError(
            f"`model` must not flip coins of this library already: use zoo.amplify. Received: {describe(model)} with "
            f"{found[0].name!r} ({type(found[0]).__name__})"
        )


def _wanted(model: keras.Model, where) -> Callable[[keras.layers.Layer], Any] | None:
    if where is None or callable(where):
        return where
    names = [where] if isinstance(where, str) else list(where) if isinstance(where, Iterable) else [None]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"`where` must be None, names of layers or a function of a layer. Received: where={where!r}")
    known = [layer.name for layer in inner_layers(model)]
    for name in map(str, names):
        check_known("layer in `where`", name, known)
    return lambda layer: layer.name in names


def _concerns(model: keras.Model, wanted) -> bool:
    return random_in_training(model) or (wanted is not None and any(map(wanted, inner_layers(model))))


class _Coins:
    """Which layers of a graph become coins, and before which a coin is inserted."""

    def __init__(self, graph: keras.Model, rate: float | None, wanted, seeds: Iterator[int]) -> None:
        self.rate, self.seeds, self.made = rate, seeds, {}
        layers = [n.operation for n in nodes(graph) if isinstance(n.operation, keras.layers.Layer) and not n.is_input]
        random = [layer for layer in layers if self._random(layer)]
        if wanted is None:
            flipping = [layer for layer in random if not type(layer).__module__.startswith(_AUGMENTATION)]
            self.before = set() if flipping else {id(_last_with_kernel(graph, layers))}
        else:
            flipping = [layer for layer in random if wanted(layer)]
            self.before = {id(layer) for layer in layers if wanted(layer) and layer not in random}
        for layer in layers:
            if id(layer) in self.before and isinstance(layer, keras.layers.Embedding):
                raise ValueError(
                    "`where` must not choose an Embedding: a coin before it would multiply the numbers of tokens. "
                    f"Choose the layer behind it. Received: {layer.name!r} of {describe(graph)}"
                )
        if not flipping and not self.before:
            raise ValueError(f"`where` must choose a layer of the model's graph. Received: {describe(graph)}")
        if self.before and not rate:
            raise ValueError(
                "`rate` must be in (0, 1) where a coin is inserted: the model has no random layer, or `where` names "
                f"others. Received: rate={rate!r} for {describe(graph)}"
            )
        self.random, self.flipping = {id(layer) for layer in random}, {id(layer) for layer in flipping}

    def _random(self, layer) -> bool:
        of_rate_0 = isinstance(layer, _DROPOUTS) and layer.rate == 0
        return random_in_training(layer) or (of_rate_0 and bool(self.rate))

    def of(self, operation):
        """Return the layer in place of one, and whether its rows must be flips."""
        if id(operation) not in self.random:
            return operation, False
        if id(operation) not in self.made:
            self.made[id(operation)] = self._coin(operation, id(operation) in self.flipping)
        return self.made[id(operation)], id(operation) in self.flipping

    def _coin(self, layer, flips: bool) -> CoinFlip:
        rate = self.rate if flips else None
        if rate is not None and isinstance(layer, _DROPOUTS):
            layer = type(layer).from_config({**layer.get_config(), "rate": rate, "seed": keras_seed(next(self.seeds))})
            rate = None
        name = f"{layer.name}_flip" if flips else layer.name
        return CoinFlip(layer, flips, rate, fixed=not flips, seed=next(self.seeds), name=name)

    def inserted(self) -> CoinFlipDropout:
        """Return a new coin."""
        return CoinFlipDropout(self.rate or 0.0, seed=next(self.seeds))


def _last_with_kernel(graph: keras.Model, layers: list) -> keras.layers.Layer:
    kernels = [layer for layer in layers if any(weight.name == "kernel" for weight in layer.weights)]
    if not kernels:
        raise ValueError(f"`model` must have a random layer or a layer with a kernel. Received: {describe(graph)}")
    return kernels[-1]


def _amplified(graph: keras.Model, coins: _Coins, samples: int, vote) -> tuple[Any, Any, bool]:
    """Call the graph anew: with its coins, rows repeated before the first of each path, and votes on what flips."""
    repeated, flips, amplify = {}, set(), {}
    inputs, tensors = new_inputs(graph)

    def as_flips(tensor):
        if id(tensor) in flips or tensor.shape[:1] != (None,):
            return tensor
        if id(tensor) not in repeated:
            if tensor.dtype not in amplify:  # a layer casts to its dtype
                name = "_".join(["amplify", *([tensor.dtype] if amplify else [])])
                dtype = tensor.dtype if keras.backend.is_float_dtype(tensor.dtype) else None
                amplify[tensor.dtype] = Amplify(samples, name=_free(name, graph), dtype=dtype)
            repeated[id(tensor)] = amplify[tensor.dtype](tensor), tensor  # kept, so that its id is not given away
            flips.add(id(repeated[id(tensor)][0]))
        return repeated[id(tensor)][0]

    def call(operation, node, arguments, keywords):
        layer, flipping = coins.of(operation)
        insert = id(operation) in coins.before
        given = keras.tree.flatten((arguments, keywords))
        if flipping or insert or any(id(x) in flips for x in given):
            arguments, keywords = keras.tree.map_structure(
                lambda x: as_flips(x) if isinstance(x, keras.KerasTensor) else x, (arguments, keywords)
            )
            if insert:
                arguments = keras.tree.map_structure(coins.inserted(), arguments)
            outputs = layer(*arguments, **keywords)
            flips.update(map(id, keras.tree.flatten(outputs)))
            return outputs
        return layer(*arguments, **keywords)

    call_nodes(nodes(graph), tensors, call)
    names = dict(zip(map(id, graph.outputs), graph.output_names, strict=True))
    chosen = votes_by_name(graph, vote)
    on_logits = False
    for output in graph.outputs:
        tensor = tensors[id(output)]
        if id(tensor) in flips:
            name = names[id(output)]
            layer = vote_of_output(tensor, chosen[name], samples, _free(f"{name}_vote", graph))
            on_logits |= layer.from_logits and layer.kind != "numbers"
            tensors[id(output)] = layer(tensor)
    return inputs, new_outputs(graph, tensors), on_logits


def _free(name: str, graph: keras.Model) -> str:
    taken = {operation.name for operation in graph.operations}
    return next(one for one in (name, *(f"{name}_{i}" for i in range(1, len(taken) + 2))) if one not in taken)
