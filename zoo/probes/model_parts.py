"""Parts of a model: the linear part of a layer, and all that comes after a layer."""

import keras
from keras import ops

from zoo.graph import describe, last_operation


def linear_part(node, use_bias: bool) -> keras.layers.Layer:
    """Copy a node's layer without its activation, with or without its bias.

    Raises:
        ValueError: If the layer has no kernel, no arguments `activation` and `use_bias`, or other weights than
            kernel and bias.
    """
    layer = node.operation
    config = layer.get_config()
    if not hasattr(layer, "kernel") or not {"activation", "use_bias"} <= set(config):
        raise ValueError(
            "`layer` must be one with a kernel and the arguments `activation` and `use_bias`. "
            f"Received: layer={layer.name!r}, a {type(layer).__name__}"
        )
    has_bias = getattr(layer, "bias", None) is not None
    if len(layer.weights) != 1 + has_bias:
        weights = ", ".join(weight.name for weight in layer.weights)
        raise ValueError(
            f"`layer` must have no weights but kernel and bias. Received: layer={layer.name!r} with {weights}"
        )
    use_bias = use_bias and has_bias
    changed = {"activation": None, "use_bias": use_bias, "dtype": "float32", "name": f"{layer.name}_linear_part"}
    linear = type(layer).from_config({**config, **changed})
    linear.build(node.input_tensors[0].shape)
    linear.kernel.assign(ops.convert_to_numpy(layer.kernel))  # a copy, because JAX may donate the array
    if use_bias:
        linear.bias.assign(ops.convert_to_numpy(layer.bias))
    return linear


def part_after(graph: keras.Model, node) -> keras.Model | None:
    """Model from the output of a layer, given by its node, to the graph's output; None if that layer is the last one.

    Raises:
        ValueError: If the output depends on more than that layer.
    """
    if node.outputs[0] is graph.outputs[0]:
        return None
    try:
        return keras.Model(node.outputs[0], graph.outputs[0])
    except ValueError as error:
        raise ValueError(
            f"`layer` must be all that its successors depend on. Received: layer={node.operation.name!r} of "
            f"{describe(graph)}: {error}"
        ) from error


def ends_with_sigmoid(graph: keras.Model) -> bool:
    """Tell whether the first output is a sigmoid's, also of a model nested at the end."""
    last = last_operation(graph.outputs[0])
    if isinstance(last, keras.Model) and last.outputs:
        return ends_with_sigmoid(last)
    return getattr(last, "activation", None) is keras.activations.sigmoid or type(last).__name__ == "Sigmoid"
