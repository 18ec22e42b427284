"""TensorFlow's operations that other runtimes lack, in a frozen graph, by those that all of them have."""

from collections.abc import Callable
from typing import Any


def plain(definition):
    """Return the `GraphDef` without `isnan`, `one_hot`, the sign bit that `argmax` looks at, `erfc` and `expm1`."""
    import tensorflow as tf
    from tensorflow.core.framework.graph_pb2 import GraphDef

    found = GraphDef()
    found.CopyFrom(definition)
    with tf.Graph().as_default() as graph:  # has the dtypes and shapes of the tensors
        tf.import_graph_def(definition, name="")
    nodes = {node.name: node for node in found.node}
    for node in list(found.node):
        made = _plain(node, nodes)
        if made is not None:
            _replace(found, node, graph, *made)
    return found


def _plain(node, nodes: dict[str, Any]) -> tuple[list[str], Callable] | None:
    """Inputs of a node that is replaced, and the function of them that replaces it."""
    import tensorflow as tf

    if node.op == "IsNan":
        return list(node.input), lambda x: tf.logical_not(x <= float("inf"))
    if node.op == "Erfc":
        return list(node.input), lambda x: 1 - tf.math.erf(x)
    if node.op == "Expm1":
        return list(node.input), lambda x: tf.exp(x) - 1
    if node.op == "OneHot" and node.attr["axis"].i == -1:

        def one_hot(indices, depth, on, off):
            return tf.where(tf.equal(tf.expand_dims(indices, -1), tf.cast(tf.range(depth), indices.dtype)), on, off)

        return list(node.input), one_hot
    if node.op == "BitwiseAnd":
        bits, mask = (nodes[one.split(":")[0]] for one in node.input)
        is_sign = mask.op == "Const" and tf.make_ndarray(mask.attr["value"].tensor) == tf.int32.min
        if bits.op == "Bitcast" and bits.attr["T"].type == tf.float32.as_datatype_enum and is_sign:
            # -0 < 0 is False, 1 / -0 < 0 is True
            return [bits.input[0], node.input[1]], lambda x, sign: tf.cast((x < 0) | (1 / x < 0), sign.dtype) * sign
    return None


def _replace(definition, node, graph, inputs: list[str], build: Callable) -> None:
    """Put the nodes of a function of the inputs, tensors of the graph, in place of a node."""
    import tensorflow as tf

    tensors = [graph.get_tensor_by_name(one if ":" in one else f"{one}:0") for one in inputs]
    with tf.Graph().as_default() as small:
        given = [tf.compat.v1.placeholder(x.dtype, x.shape, f"given_{index}") for index, x in enumerate(tensors)]
        found = tf.identity(build(*given), name="found")
    names = {f"given_{index}": one for index, one in enumerate(inputs)}
    for part in small.as_graph_def().node:
        if part.op == "Placeholder":
            continue
        copy = definition.node.add()
        copy.CopyFrom(part)
        copy.name = f"{node.name}/{part.name}"
        copy.ClearField("input")
        copy.input.extend(names.get(one, f"{node.name}/{one}") for one in part.input)
    node.ClearField("input")
    node.ClearField("attr")
    node.op = "Identity"
    node.input.append(f"{node.name}/{found.op.name}")
    node.attr["T"].type = found.dtype.as_datatype_enum
