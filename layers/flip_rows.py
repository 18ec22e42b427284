"""What the rows of a graph's tensors are: examples, flips of them, or draws that a batch shares."""

import keras

from zoo.layers.coins import flips_coins, random_in_training

EXAMPLE, FLIP, DRAW, VOTED = "example", "flip", "draw", "voted"
_THROUGH = ("Reshape", "Flatten", "Identity")


def nodes(graph) -> list:
    """List the nodes of a Functional model or function, each after those that its inputs come from."""
    return [node for _, level in sorted(graph_of(graph)._nodes_by_depth.items(), reverse=True) for node in level]


def has_graph(model) -> bool:
    """Return whether a layer is a Functional model, or a built Sequential one, that is called as its graph says."""
    if isinstance(model, keras.Sequential):
        return getattr(model, "_functional", None) is not None
    if not hasattr(model, "_nodes_by_depth") or not isinstance(model, keras.layers.Layer):
        return False
    caller = next(one for one in type(model).__mro__ if "call" in vars(one))
    return caller.__module__.split(".")[0] in ("keras", "zoo")


def graph_of(model):
    """Return the Functional model whose nodes are the graph of a model that has one."""
    return model._functional if isinstance(model, keras.Sequential) else model


def check_flips(tensor: keras.KerasTensor) -> None:
    """Raise a `ValueError` if the graph before a tensor flips coins where they cannot mean what they say."""
    sources = sources_of(tensor)
    kinds_of(keras.Function(sources, tensor), dict.fromkeys(map(id, sources), EXAMPLE))


def sources_of(tensor: keras.KerasTensor) -> list[keras.KerasTensor]:
    """List the inputs of the graph before a tensor.

    `keras.utils.get_source_inputs` goes every way back, of which a graph of concatenations has exponentially many.
    """
    found, seen, waiting = [], set(), [tensor]
    while waiting:
        one = waiting.pop()
        operation, index, _ = one._keras_history
        node = operation._inbound_nodes[index]
        if id(node) not in seen:
            seen.add(id(node))
            found += node.outputs if node.is_input else []
            waiting += node.input_tensors
    return found


def last_activation(tensor: keras.KerasTensor) -> str | None:
    """Name the activation that a symbolic tensor comes out of, a softmax only if it is over the last axis.

    Layers that move numbers are looked through, as long as the last axis stays the last. None is any other operation,
    whose outputs may be anything; "linear" is a layer that says so.
    """
    operation, index = tensor._keras_history.operation, tensor._keras_history.node_index
    node = operation._inbound_nodes[index]
    if has_graph(operation):
        return last_activation(graph_of(operation).outputs[tensor._keras_history.tensor_index])
    name = type(operation).__name__
    if name in _THROUGH and node.input_tensors and node.input_tensors[0].shape[-1] == tensor.shape[-1]:
        return last_activation(node.input_tensors[0])
    if name in ("Softmax", "Sigmoid"):
        axis = getattr(operation, "axis", -1)
        return name.lower() if axis in (-1, len(tensor.shape) - 1) else None
    if isinstance(operation, keras.layers.TimeDistributed):
        operation = operation.layer
    if isinstance(operation, keras.layers.RNN) or hasattr(operation, "cell"):
        return None  # its activation is not that of its output
    return getattr(getattr(operation, "activation", None), "__name__", None)


def kinds_of(graph, kinds: dict[int, str]) -> dict[int, str]:
    """Tell what the rows of every tensor of a graph are.

    Args:
        graph: A Functional model or function.
        kinds: The kinds of its inputs, by the tensors' ids.

    Returns:
        The kinds of all its tensors, by their ids.

    Raises:
        ValueError: If coins are flipped where they cannot mean what they say; the message names the layer.
    """
    walk = _Walk(kinds)
    for node in nodes(graph):
        if not node.is_input:
            walk.visit(node)
    return walk.kinds


class _Walk:
    """One way through a graph: kinds of tensors, and the coin that each tensor of examples depends on."""

    def __init__(self, kinds: dict[int, str]) -> None:
        self.kinds = dict(kinds)
        self.coins: dict[int, str] = {}

    def visit(self, node) -> None:
        """Tell what the rows of a node's outputs are."""
        operation, inputs = node.operation, node.input_tensors
        if has_graph(operation) and len(inputs) == len(graph_of(operation).inputs):
            self._visit_inside(node)
            return
        found = self._kind(operation, inputs)
        coins = [self.coins[id(x)] for x in inputs if id(x) in self.coins]
        if flips_coins(operation) and found == EXAMPLE:
            coins = [operation.name, *coins]
        for tensor in node.outputs:
            self.kinds[id(tensor)] = found
            if coins and found == EXAMPLE:
                self.coins[id(tensor)] = coins[0]

    def _visit_inside(self, node) -> None:
        graph = graph_of(node.operation)
        for inner, outer in zip(graph.inputs, node.input_tensors, strict=True):
            self._copy(outer, inner)
        for one in nodes(graph):
            if not one.is_input:
                self.visit(one)
        for inner, outer in zip(graph.outputs, node.outputs, strict=True):
            self._copy(inner, outer)

    def _copy(self, source, target) -> None:
        self.kinds[id(target)] = self.kinds[id(source)]
        self.coins.pop(id(target), None)
        if id(source) in self.coins:
            self.coins[id(target)] = self.coins[id(source)]

    def _kind(self, operation, inputs) -> str:
        role = role_of(operation)
        kinds = [self.kinds.get(id(x), EXAMPLE) for x in inputs]
        if role == "amplify":
            return self._amplified(operation, inputs[0], kinds[0])
        if role == "draws":
            return DRAW
        if role == "vote":
            return VOTED
        if role == "shared":
            if kinds[0] == FLIP:
                raise ValueError(
                    f"{operation.name!r} ({type(operation).__name__}) draws one set of weights for all rows, but its "
                    "rows are flips already: call it on the examples, or without `shared`."
                )
            return EXAMPLE if getattr(operation, "expected", False) else FLIP
        if FLIP in kinds or DRAW in kinds:
            _check_random(operation)
            return self._mixed(operation, inputs, kinds)
        return VOTED if VOTED in kinds else EXAMPLE

    def _amplified(self, operation, tensor, kind: str) -> str:
        if kind in (FLIP, DRAW):
            raise ValueError(
                "`Amplify` must be called on examples, not on rows that are flips already. "
                f"Received: {operation.name!r}"
            )
        if kind == VOTED:
            raise ValueError(f"`Amplify` must not be called behind a vote. Received: {operation.name!r}")
        if id(tensor) in self.coins:
            raise ValueError(
                f"{self.coins[id(tensor)]!r} flips a coin before {operation.name!r}, which would repeat it: all flips "
                "of an example would share the coin. Call Amplify right before the first random layer."
            )
        return FLIP

    def _mixed(self, operation, inputs, kinds) -> str:
        kind = FLIP if FLIP in kinds else DRAW
        for tensor, one in zip(inputs, kinds, strict=True):
            if one == DRAW and getattr(operation, "takes_draws", False):
                continue
            if one != kind and tensor.shape and tensor.shape[0] is None:
                raise ValueError(
                    f"{operation.name!r} ({type(operation).__name__}) meets rows that are flips and rows that are "
                    "examples: call the same Amplify on both of its inputs."
                )
        return kind


def role_of(operation) -> str | None:
    """Tell what an operation does to rows: "amplify", "draws", "vote", "shared", or None for all others."""
    return getattr(operation, "role", None) if isinstance(operation, keras.layers.Layer) else None


def _check_random(operation) -> None:
    """Refuse layers that flip for a whole batch, or in training only, among rows that are flips."""
    if getattr(operation, "shared", False) and flips_coins(operation):
        raise ValueError(
            f"{operation.name!r} ({type(operation).__name__}) draws one kernel for all rows, so that all flips would "
            "be one: leave `shared` False behind Amplify, or draw by SharedDraws and HyperDense(shared=True)."
        )
    if random_in_training(operation):
        raise ValueError(
            f"{operation.name!r} ({type(operation).__name__}) flips in training only, among rows that are flips: use "
            "zoo.layers.CoinFlip(layer) or CoinFlipDropout, or CoinFlip(layer, flip_at_inference=False, fixed=True)."
        )
    for inner in operation._flatten_layers(include_self=False) if isinstance(operation, keras.layers.Layer) else ():
        if role_of(inner) in ("amplify", "draws", "vote"):
            raise ValueError(
                f"{operation.name!r} ({type(operation).__name__}) holds {inner.name!r}: a layer that makes or counts "
                "flips must lie in the graph of a model."
            )
