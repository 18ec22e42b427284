"""Dichotomies: labelings of a set of inputs that a network reaches when one layer's kernel goes around a circle."""

from typing import Any

import keras
import numpy as np
from keras import ops

from layers.arguments import optional_seed, positive_int
from zoo.bare import bare, check_one_input
from zoo.probes.layer_outputs import called_once, deterministic, fitting


def dichotomies(
    model: keras.Model,
    inputs: np.ndarray,
    layer: str,
    points: int,
    seed: int | None = None,
    *,
    networks: bool = False,
    batch_size: int = 1024,
) -> Any:
    """Number of different labelings of `inputs` by the sign of the output, as a kernel takes `points` values.

    The layer's kernel becomes cos(t) W + sin(t) V at equal steps of t over a whole turn, W being its own and V normal
    with W's mean square. Its products with the inputs are linear in the kernel: those of W and of V are made once.

    Args:
        model: A Functional or built Sequential model without coins at inference, with one output unit.
        inputs: Array `(s, ...)`; at most 2^s labelings there are.
        layer: Name of a layer with a kernel and an `activation`, through which everything passes.
        points: Int >= 2.
        seed: None or int in [0, 2**32), of V.
        networks: True for a population, of outputs `(s, networks, 1)`: counts are then an array `(networks,)`.
        batch_size: Rows that are evaluated at once, inputs times points.

    Returns:
        The number of labelings; a positive output is one label, all others the other.

    Raises:
        ValueError: If an argument is out of range, the layer is unknown or is not all that its successors depend on,
            or the model flips coins, has several inputs or several output units.

    Reference: On the Expressive Power of Deep Neural Networks, section 2.4.
    """
    check_one_input(model)
    graph = deterministic(bare(model))
    (x,) = fitting(graph, inputs, fewest=1)
    if graph.output_shape[-1] != 1 or len(graph.output_shape) != 2 + networks:
        raise ValueError(f"`model` must have one output unit. Received: outputs of shape {graph.output_shape}")
    node = called_once(graph, layer)
    own, after = _products(graph, node, x, seed), _after(graph, node)
    angles = 2 * np.pi * np.arange(positive_int("points", points)) / points
    step = max(positive_int("batch_size", batch_size) // len(x), 1)
    seen: list[set[bytes]] = [set() for _ in range(graph.output_shape[1] if networks else 1)]
    for start in range(0, points, step):
        t = angles[start : start + step]
        labels = _outputs(after, node.operation, own, t).reshape(len(t), len(x), -1) > 0
        for network, found in enumerate(seen):
            found.update(row.tobytes() for row in np.packbits(labels[:, :, network], axis=1))
    counts = [len(found) for found in seen]
    return np.array(counts) if networks else counts[0]


def _products(graph: keras.Model, node, x: np.ndarray, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
    """What the layer makes of the inputs by its own kernel and by another one, without bias and activation."""
    layer = node.operation
    config = layer.get_config()
    if not hasattr(layer, "kernel") or not {"activation", "use_bias"} <= set(config):
        raise ValueError(f"`layer` must be one with a kernel and an activation. Received: layer={layer.name!r}")
    below = keras.Model(graph.inputs, node.input_tensors[0]).predict_on_batch(x)
    linear = type(layer).from_config({**config, "activation": None, "use_bias": False})
    linear.build(below.shape)
    own = ops.convert_to_numpy(layer.kernel)
    other = np.random.default_rng(optional_seed("seed", seed)).standard_normal(own.shape)
    found = []
    for kernel in (own, other * np.sqrt(np.mean(own**2))):
        linear.kernel.assign(kernel)
        found.append(ops.convert_to_numpy(linear(below)))
    return found[0], found[1]


def _after(graph: keras.Model, node) -> keras.Model | None:
    """From the layer's output to the model's; None where they are one."""
    if node.outputs[0] is graph.outputs[0]:
        return None
    try:
        return keras.Model(node.outputs[0], graph.outputs[0])
    except ValueError as error:
        raise ValueError(
            f"`layer` must be all that its successors depend on. Received: layer={node.operation.name!r}: {error}"
        ) from error


def _outputs(after: keras.Model | None, layer, products: tuple[np.ndarray, np.ndarray], t: np.ndarray) -> np.ndarray:
    """Outputs for all inputs at each t, `(len(t) * s, ...)`."""
    own, other = products
    turn = t.reshape(-1, *[1] * own.ndim)
    rows = (np.cos(turn) * own + np.sin(turn) * other).reshape(-1, *own.shape[1:]).astype("float32")
    bias = getattr(layer, "bias", None)
    z = layer.activation(ops.convert_to_tensor(rows if bias is None else rows + ops.convert_to_numpy(bias)))
    return ops.convert_to_numpy(z if after is None else after.predict_on_batch(z))
