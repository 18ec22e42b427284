"""A model's graph called anew: with other inputs, other layers, or without the models that are nested in it."""

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

import keras

from zoo.graph import ends, last_operation, mask_of, uncompiled
from zoo.layers.flip_rows import graph_of, has_graph, nodes, role_of


def call_nodes(ordered: Iterable, tensors: dict[int, keras.KerasTensor], call: Callable) -> None:
    """Call operations anew: `call(operation, node, arguments, keywords)` for each node whose inputs are all there.

    Args:
        ordered: Nodes, each after those that its inputs come from.
        tensors: The new tensor for each old one's id; the outputs of the calls are added.
        call: Gives the outputs of a node.
    """
    for node in ordered:
        if node.is_input or any(id(x) not in tensors for x in node.input_tensors):
            continue
        arguments, keywords = node.arguments.fill_in(tensors)
        keywords = _with_masks(node.operation, arguments, keywords)
        outputs = keras.tree.flatten(call(node.operation, node, arguments, keywords))
        tensors.update(zip(map(id, node.outputs), outputs, strict=True))


def _with_masks(operation: keras.Operation, arguments: tuple, keywords: dict[str, Any]) -> dict[str, Any]:
    """Return a call's keywords with the masks of its arguments, as Keras gives them to a layer.

    Keras writes them into the graph for its quickest kind of call only, and keeps them beside it for the others: they
    would be lost where the graph is cut, and in a nested model that moves behind what makes a mask.
    """
    if not isinstance(operation, keras.layers.Layer):
        return keywords
    keywords = {key: value for key, value in keywords.items() if value is not None or not key.endswith("mask")}
    known = operation._call_signature.parameters
    bound = operation._call_signature.bind_partial(*arguments, **{k: v for k, v in keywords.items() if k in known})
    given = {key: value for key, value in bound.arguments.items() if _has_tensors(value)}
    for key, value in given.items():
        name = "mask" if len(given) == 1 else f"{key}_mask"
        masks = keras.tree.map_structure(mask_of, value)
        if name in known and name not in keywords and any(one is not None for one in keras.tree.flatten(masks)):
            keywords[name] = masks
    return keywords


def _has_tensors(value) -> bool:
    return any(isinstance(one, keras.KerasTensor) for one in keras.tree.flatten(value))


def new_inputs(graph: keras.Model) -> tuple[object, dict[int, keras.KerasTensor]]:
    """Return inputs like those of a model, in their structure, and which of the model's each of them stands for."""
    fresh = {id(x): like(x, name=x.name, optional=_is_optional(x)) for x in graph.inputs}
    return keras.tree.map_structure(lambda x: fresh[id(x)], ends(graph)[0]), fresh


def like(tensor: keras.KerasTensor, name: str | None = None, optional: bool = False) -> keras.KerasTensor:
    """Return an input of a tensor's shape and dtype."""
    options = {"sparse": tensor.sparse, "optional": optional}
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name, **options)


def _is_optional(tensor: keras.KerasTensor) -> bool:
    return getattr(last_operation(tensor), "optional", False)


def new_outputs(graph: keras.Model, tensors: dict[int, keras.KerasTensor]) -> object:
    """Return the new tensors of a model's outputs, in their structure."""
    return keras.tree.map_structure(lambda x: tensors[id(x)], ends(graph)[1])


def flattened(model: keras.Model, dissolve: Callable[[keras.Model], bool], replace: Callable) -> keras.Model:
    """Call a model's graph anew, without the nested models that `dissolve` chooses, at any depth.

    Args:
        model: Functional or built Sequential model.
        dissolve: Tells of a nested model whether its layers move into the outer graph.
        replace: Gives the layer or operation that takes the place of one; called once for each.

    Returns:
        A Functional model over the same layers and variables.
    """
    graph, done, names = graph_of(uncompiled(model)), {}, set()

    def replaced(operation):
        operation = operation.layer if isinstance(operation, Renamed) else operation
        if id(operation) not in done:
            done[id(operation)] = _named(replace(operation), names)
        return done[id(operation)]

    def call(operation, node, arguments, keywords):
        if not (has_graph(operation) and dissolve(operation)):
            return replaced(operation)(*arguments, **keywords)
        inner = graph_of(operation)
        tensors = dict(zip(map(id, inner.inputs), keras.tree.flatten(arguments[0]), strict=True))
        call_nodes(nodes(inner), tensors, call)
        return new_outputs(inner, tensors)

    inputs, tensors = new_inputs(graph)
    names.update(x.name for x in keras.tree.flatten(inputs))
    call_nodes(nodes(graph), tensors, call)
    return keras.Model(inputs, new_outputs(graph, tensors), name=model.name)


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class Renamed(keras.layers.Wrapper):
    """A layer under another name: two nested models may each have a layer of one name, a graph may not."""

    def __init__(self, layer, **kwargs) -> None:
        super().__init__(layer, autocast=False, **kwargs)
        self.supports_masking = layer.supports_masking
        self.takes_draws = getattr(layer, "takes_draws", False)  # see flip_rows
        self.built = layer.built
        self._call_signature = layer._call_signature  # so that Keras binds arguments, masks among them, as it does
        self._call_has_training_arg = layer._call_has_training_arg
        self._call_has_mask_arg = layer._call_has_mask_arg
        self._call_has_context_arg = dict(layer._call_has_context_arg)

    def build(self, *shapes) -> None:
        """Leave the layer to be built where it is called: it may take several inputs."""
        self.built = True

    def call(self, *args, **kwargs):
        """Call the layer."""
        return self.layer(*args, **kwargs)

    def compute_mask(self, inputs, previous_mask):
        """Return the layer's mask."""
        return self.layer.compute_mask(inputs, previous_mask)


def _named(operation, names: set[str]):
    """Return the operation, under another name if its own is taken."""
    name, count = operation.name, 1
    while name in names:
        name, count = f"{operation.name}_{count}", count + 1
    names.add(name)
    if name == operation.name:
        return operation
    if role_of(operation):  # which must be seen in the graph; such a layer has no weights
        return type(operation).from_config({**operation.get_config(), "name": name})
    if isinstance(operation, keras.layers.Layer):
        return Renamed(operation, name=name)
    other = copy(operation)  # an operation has no state
    other.name = name
    return other
