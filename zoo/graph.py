"""The graph of a Keras model: the only place that reads what Keras keeps private of it."""

import keras


def uncompiled(model: keras.Model) -> keras.Model:
    """Return the same layers, variables and name as an uncompiled Functional model.

    Raises:
        ValueError: If `model` is neither Functional nor a built Sequential model.
    """
    if isinstance(model, keras.Sequential):
        ends = (model.inputs[0], model.outputs[0]) if getattr(model, "inputs", None) else None
    else:
        ends = (model.input, model.output) if hasattr(model, "_nodes_by_depth") else None
    if ends is None:
        raise ValueError(
            f"`model` must be a Functional model, or a Sequential one that is built. Received: {describe(model)}"
        )
    return keras.Model(*ends, name=model.name)


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
