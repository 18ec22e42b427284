"""The graph of a Keras model: the only place that reads what Keras keeps private of it."""

import keras

from zoo.layers.arguments import check_known
from zoo.layers.coins import flips_coins


def uncompiled(model: keras.Model) -> keras.Model:
    """Return the same layers, variables and name as an uncompiled Functional model.

    Raises:
        ValueError: If `model` is neither Functional nor a built Sequential model.
    """
    if isinstance(model, keras.Sequential):
        ends = (model.inputs[0], model.outputs[0]) if getattr(model, "inputs", None) else None
    else:
        ends = (model.input, model.output) if has_graph(model) else None
    if ends is None:
        raise ValueError(
            f"`model` must be a Functional model, or a Sequential one that is built. Received: {describe(model)}"
        )
    return keras.Model(*ends, name=model.name)


def has_graph(model) -> bool:
    """Tell whether a model is Functional, so that its nodes can be listed."""
    return hasattr(model, "_nodes_by_depth")


def describe(model) -> str:
    """Return class and name of what should have been a model, for an error's message."""
    return f"{type(model).__name__} {model.name!r}" if isinstance(model, keras.Model) else repr(model)


def check_one_input(model: keras.Model) -> None:
    """Raise a `ValueError` if the model has several inputs."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        names = ", ".join(x.name for x in inputs)
        raise ValueError(f"`model` must have one input. Received: {describe(model)} with inputs {names}")


def nodes(graph: keras.Model) -> list:
    """List the nodes of a Functional model, each after those that its inputs come from."""
    return [node for _, level in sorted(graph._nodes_by_depth.items(), reverse=True) for node in level]


def nodes_of(graph: keras.Model, layer: keras.layers.Layer) -> list:
    """List the calls of a layer in a Functional model; `layer.input` may belong to another model that has it, too."""
    return [node for node in nodes(graph) if node.operation is layer]


def inner_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """List all layers inside a layer or model, at any depth."""
    return list(layer._flatten_layers(include_self=False))


def last_operation(tensor: keras.KerasTensor) -> keras.Operation:
    """Return the layer or operation that a symbolic tensor is the output of."""
    return tensor._keras_history.operation


def compile_arguments(model: keras.Model) -> dict:
    """Return the arguments that a model was compiled with: the objects themselves, which need not be serializable."""
    return dict(model._compile_config.config)


def deterministic(model: keras.Model) -> keras.Model:
    """Return the model, or raise a `ValueError` if it flips coins at inference."""
    if any(flips_coins(layer) for layer in inner_layers(model)):
        raise ValueError(
            "`model` must not flip coins: probe zoo.amplify(model, 1, 'expected'), which replaces them by their mean. "
            f"Received: {describe(model)}"
        )
    return model


def single(model: keras.Model) -> keras.Model:
    """Return the graph of a model of one input, where input and output are plain tensors, no lists or dicts.

    Raises:
        ValueError: If the model has several inputs, flips coins or has no graph.
    """
    check_one_input(model)
    graph = deterministic(uncompiled(model))
    outputs = graph.outputs[0] if len(graph.outputs) == 1 else graph.outputs
    return keras.Model(graph.inputs[0], outputs, name=graph.name)


def called_once(graph: keras.Model, name: str):
    """Return the node of a layer in the graph (`layer.output` may belong to another model that shares the layer).

    Raises:
        ValueError: If there is no such layer, or it is called several times.
    """
    check_known("layer", name, [layer.name for layer in graph.layers])
    called = [node for node in nodes(graph) if node.operation.name == name]
    if len(called) != 1:
        raise ValueError(f"`layers` must be called once, {name!r} is called {len(called)} times in {describe(graph)}")
    return called[0]
