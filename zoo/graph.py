"""The graph of a Keras model: the only place that reads what Keras keeps private of it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import keras

from zoo.layers.arguments import check_known
from zoo.layers.coins import flips_coins
from zoo.layers.flip_rows import graph_of, has_graph, nodes


def uncompiled(model: keras.Model) -> keras.Model:
    """Return the same layers, variables and name as an uncompiled Functional model.

    Raises:
        ValueError: If `model` is neither Functional nor a built Sequential model, or it is called in another way than
            its graph says.
    """
    if not has_graph(model):
        raise ValueError(
            "`model` must be a Functional model, or a Sequential one that is built; a subclass must not override "
            f"`call`. Received: {describe(model)}"
        )
    return keras.Model(*ends(graph_of(model)), name=model.name)


@contextmanager
def without_memory() -> Iterator[None]:
    """Build models without memory for their variables, to look at their shapes."""
    from keras.src.backend.common import global_state

    waiting = "uninitialized_variables"  # those that Keras would give memory at its next occasion
    before = list(global_state.get_global_attribute(waiting) or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(waiting, before)


def ends(graph: keras.Model) -> tuple:
    """Return inputs and outputs of a Functional model, in their structures."""
    return graph._inputs_struct, graph._outputs_struct


def describe(model) -> str:
    """Return class and name of what should have been a model, for an error's message."""
    return f"{type(model).__name__} {model.name!r}" if isinstance(model, keras.Model) else repr(model)


def check_model(model) -> None:
    """Raise a `ValueError` if something is no Keras model."""
    if not isinstance(model, keras.Model):
        raise ValueError(f"`model` must be a Keras model. Received: {describe(model)}")


def check_one_input(model: keras.Model) -> None:
    """Raise a `ValueError` if the model has several inputs."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        names = ", ".join(x.name for x in inputs)
        raise ValueError(f"`model` must have one input. Received: {describe(model)} with inputs {names}")


def nodes_of(graph: keras.Model, layer: keras.layers.Layer) -> list:
    """List the calls of a layer in a Functional model; `layer.input` may belong to another model that has it, too."""
    return [node for node in nodes(graph) if node.operation is layer]


def inner_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """List all layers inside a layer or model, at any depth."""
    return list(layer._flatten_layers(include_self=False))


def calls(model: keras.Model) -> Iterator[tuple[keras.Operation, dict[str, Any]]]:
    """Yield the operations of a model's graph and of those nested in it, each with a call's arguments by keyword."""
    for graph in [graph_of(one) for one in (model, *inner_layers(model)) if has_graph(one)]:
        for node in nodes(graph):
            if not node.is_input:
                yield node.operation, node.arguments.kwargs


def last_operation(tensor: keras.KerasTensor) -> keras.Operation:
    """Return the layer or operation that a symbolic tensor is the output of."""
    return tensor._keras_history.operation


def mask_of(tensor: keras.KerasTensor) -> keras.KerasTensor | None:
    """Return the symbolic mask that Keras keeps with a symbolic tensor."""
    return getattr(tensor, "_keras_mask", None)


def compiled_with(model: keras.Model) -> object:
    """Return an object that is another one as soon as the model is compiled anew."""
    return getattr(model, "_compile_config", None)


def compile_arguments(model: keras.Model) -> dict:
    """Return the arguments that a model was compiled with: the objects themselves, which need not be serializable."""
    return dict(model._compile_config.config)


def compile_like(made: keras.Model, model: keras.Model) -> None:
    """Compile a model as another one is, if it is, with a new optimizer and new metrics of the same configurations.

    What is given by the names of outputs goes to the outputs in the same places.
    """
    if model.compiled:
        names = dict(zip(graph_of(model).output_names, made.output_names, strict=True)) if has_graph(model) else {}
        arguments = compile_arguments(model)
        own = {"optimizer": _like(model.optimizer)}
        own |= {key: keras.tree.map_structure(_own_metric, arguments[key]) for key in ("metrics", "weighted_metrics")}
        for key, value in {**arguments, **own}.items():
            if key in _BY_OUTPUT and isinstance(value, dict):
                own[key] = {names.get(name, name): one for name, one in value.items()}
        made.compile(**{**arguments, **own})


_BY_OUTPUT = ("loss", "loss_weights", "metrics", "weighted_metrics")  # arguments of `compile` that may be dicts


def _like(one):
    return type(one).from_config(one.get_config())


def _own_metric(metric):
    """Return a metric with a state of its own; one that its configuration does not describe is shared, and reset."""
    if not isinstance(metric, keras.metrics.Metric):
        return metric
    kinds = type(metric).__mro__
    described, made = (next(one for one in kinds if name in vars(one)) for name in ("get_config", "__init__"))
    if issubclass(described, made):
        with suppress(TypeError, ValueError, NotImplementedError):
            return _like(metric)
    metric.reset_state()  # Keras does not, before the first batch of the second model
    return metric


def in_order(model: keras.Model, inputs) -> list:
    """Return a call's inputs in the order of `model.inputs`: Keras takes a dict by their names for any structure.

    Raises:
        ValueError: If a name is missing.
    """
    structure = ends(graph_of(model))[0]
    if not isinstance(inputs, dict):
        return keras.tree.flatten(inputs)
    names = list(structure) if isinstance(structure, dict) else [x.name for x in model.inputs]
    if missing := [name for name in names if name not in inputs]:
        raise ValueError(f"`x` must have the inputs {', '.join(names)}. Missing: {', '.join(missing)}")
    given = {name: inputs[name] for name in names}
    return keras.tree.flatten(given) if isinstance(structure, dict) else list(given.values())


def deterministic(model: keras.Model) -> keras.Model:
    """Return the model, or raise a `ValueError` if it flips coins at inference."""
    if flips_coins(model):
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
