"""The part of a model that comes after one layer."""

import keras
from keras import ops

from zoo.bare import describe


def linear_part(node, use_bias: bool) -> keras.layers.Layer:
    """A copy of a node's layer without activation, with or without its bias.

    Raises:
        ValueError: If the layer has no kernel, or no arguments `activation` and `use_bias`.
    """
    layer = node.operation
    config = layer.get_config()
    if not hasattr(layer, "kernel") or not {"activation", "use_bias"} <= set(config):
        raise ValueError(f"`layer` must be one with a kernel and an activation. Received: layer={layer.name!r}")
    use_bias = use_bias and getattr(layer, "bias", None) is not None
    linear = type(layer).from_config({**config, "activation": None, "use_bias": use_bias, "dtype": "float32"})
    linear.build(node.input_tensors[0].shape)
    linear.kernel.assign(ops.cast(layer.kernel, "float32"))
    if use_bias:
        linear.bias.assign(ops.cast(layer.bias, "float32"))
    return linear


def after(graph: keras.Model, node) -> keras.Model | None:
    """The model from the output of a layer, given by its node in the graph, to the graph's output; None where they are
    one.

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
