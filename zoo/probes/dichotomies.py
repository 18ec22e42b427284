"""Dichotomies: labelings of a set of inputs that a network reaches when one layer's kernel goes around a circle."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.graph import called_once, single
from zoo.layers.arguments import boolean, positive_int
from zoo.layers.seeds import fresh_seed, optional_seed
from zoo.probes.layer_outputs import fitting
from zoo.probes.model_parts import linear_part, part_after


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

    The arguments are those of `labelings`.

    Returns:
        The number of labelings, at most 2^s for s inputs; of a population an array `(networks,)`.

    Raises:
        ValueError: If an argument is out of range or the model does not fit.

    Reference: On the Expressive Power of Deep Neural Networks, section 2.4.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="out")])
        >>> probes.dichotomies(model, np.eye(2), "out", points=100, seed=0)
        4
    """
    seen: dict[int, set[bytes]] = {}
    for labels in labelings(model, inputs, layer, points, seed=seed, networks=networks, batch_size=batch_size):
        packed = np.packbits(labels if networks else labels[:, None], axis=2)
        for network in range(packed.shape[1]):
            seen.setdefault(network, set()).update(row.tobytes() for row in packed[:, network])
    counts = [len(found) for found in seen.values()]
    return np.array(counts) if networks else counts[0]


def labelings(
    model: keras.Model,
    inputs: np.ndarray,
    layer: str,
    points: int,
    seed: int | None = None,
    *,
    networks: bool = False,
    batch_size: int = 1024,
) -> Iterator[np.ndarray]:
    """Yield the labels of `inputs` by the sign of the output, as a kernel takes `points` values, piece by piece.

    The layer's kernel becomes cos(t) W + sin(t) V at equal steps of t over a whole turn. W is its own kernel; V is
    normal with W's mean square. The products with the inputs are linear in the kernel: those of W and of V are made
    once.

    Args:
        model: A Functional or built Sequential model without coins at inference, with one output unit.
        inputs: Array `(s, ...)`.
        layer: Name of a layer with a kernel and an `activation`, through which everything passes.
        points: Int >= 2.
        seed: None or int in [0, 2**32), of V.
        networks: True for a population, of outputs `(s, networks, 1)`.
        batch_size: Rows that are evaluated at once, inputs times points.

    Returns:
        Iterator over boolean arrays `(piece, s)`, of a population `(piece, networks, s)`, for consecutive pieces of
        the `points` values. A positive output is True, all others False.

    Raises:
        ValueError: If an argument is out of range, the layer is unknown or is not all that its successors depend
            on, or the model flips coins, has several inputs or several output units.

    Reference: On the Expressive Power of Deep Neural Networks, section 2.4.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="out")])
        >>> pieces = probes.labelings(model, np.eye(2), "out", points=100, seed=0, batch_size=128)
        >>> [labels.shape for labels in pieces]
        [(64, 2), (36, 2)]
    """
    boolean("networks", networks)
    if positive_int("points", points) < 2:
        raise ValueError(f"`points` must be at least 2. Received: points={points!r}")
    graph = single(model)
    (x,) = fitting(graph, inputs, fewest=1)
    if graph.output_shape[-1] != 1 or len(graph.output_shape) != 2 + networks:
        raise ValueError(f"`model` must have one output unit. Received: outputs of shape {graph.output_shape}")
    node = called_once(graph, layer)
    own, rest = _products(graph, node, x, seed), part_after(graph, node)
    angles = 2 * np.pi * np.arange(points) / points
    step = max(positive_int("batch_size", batch_size) // len(x), 1)
    outputs = (_outputs(rest, node.operation, own, angles[i : i + step]) for i in range(0, points, step))
    labels = ((y > 0).reshape(-1, len(x), graph.output_shape[1]).swapaxes(1, 2) for y in outputs)
    return labels if networks else (one[:, 0] for one in labels)


def _products(graph: keras.Model, node, x: np.ndarray, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Products of the inputs with the layer's own kernel and with another one, without bias and activation."""
    layer = node.operation
    linear = linear_part(node, use_bias=False)
    below = keras.Model(graph.inputs[0], node.input_tensors[0]).predict_on_batch(x)
    own = ops.convert_to_numpy(layer.kernel)
    other = np.random.default_rng(fresh_seed(optional_seed("seed", seed))).standard_normal(own.shape)
    found = []
    for kernel in (own, other * np.sqrt(np.mean(own**2))):
        linear.kernel.assign(kernel)
        found.append(ops.convert_to_numpy(linear(below)))
    return found[0], found[1]


def _outputs(rest: keras.Model | None, layer, products: tuple[np.ndarray, np.ndarray], t: np.ndarray) -> np.ndarray:
    """Outputs for all inputs at each t, `(len(t) * s, ...)`."""
    own, other = products
    turn = t.reshape(-1, *[1] * own.ndim)
    rows = (np.cos(turn) * own + np.sin(turn) * other).reshape(-1, *own.shape[1:]).astype("float32")
    bias = getattr(layer, "bias", None)
    z = layer.activation(ops.convert_to_tensor(rows if bias is None else rows + ops.convert_to_numpy(bias)))
    return ops.convert_to_numpy(z if rest is None else rest.predict_on_batch(z))
