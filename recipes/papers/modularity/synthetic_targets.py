"""Synthetic targets y(x, I) of On the Modularity of Hypernetworks: random networks of three types, and a fourth."""

import itertools
from typing import NamedTuple

import numpy as np

from zoo.layers import KaimingUniform
from zoo.layers.arguments import int_at_least, positive_int

TYPES = (1, 2, 3, 4)

_SHARPNESS = 10.0  # of type 4: factor of the softmax's logits


class Target(NamedTuple):
    """Random function of x and a condition; a call with two arrays `(n, size)` returns `(n, 1)`.

    `kernels` are those of its network in order, each `(inputs, units)`; there are no biases.
    """

    type: int
    x_size: int
    condition_size: int
    kernels: list[np.ndarray]

    def __call__(self, x: np.ndarray, condition: np.ndarray) -> np.ndarray:
        """Compute the targets `(n, 1)`, float32.

        Raises:
            ValueError: If the arrays do not have the sizes of the target.
        """
        for name, array, size in (("x", x, self.x_size), ("condition", condition, self.condition_size)):
            if array.shape != (len(x), size):
                raise ValueError(f"`{name}` must have shape {(len(x), size)}. Received: an array of {array.shape}")
        if self.type in (1, 4):
            scale, activation = (1.0, _sigmoid) if self.type == 1 else (_SHARPNESS, _centred_sigmoid)
            weights = _softmax(scale * _perceptron(condition, self.kernels, activation))
            return np.sum(x * weights, axis=1, keepdims=True)
        joined = np.concatenate([x, condition], axis=1) if self.type == 2 else x * condition
        return _perceptron(joined, self.kernels, _elu)


def synthetic_target(type: int, x_size: int, condition_size: int, seed: int) -> Target:
    """Choose a random target; its weights are He uniform, +-sqrt(6 / fan_in), the same on every backend and machine.

    Type 1 is <x, h(I)>, h: condition_size -> 300 -> 300 -> x_size, with sigmoids and a softmax on top. Type 2 is a
    network of x and I side by side, -> 100 -> 50 -> 50 -> 1. Type 3 is one of their elementwise product, -> 100 -> 100
    -> 50 -> 1. Both have ELU on hidden layers. Biases, on which the paper is silent, are 0. Type 4 is ours: type 1 with
    1/2 subtracted from every sigmoid and the logits times 10. The h(I) of type 1 hardly depends on I, that of type 4
    does.

    Args:
        type: 1, 2, 3 or 4.
        x_size: Length of x, >= 1.
        condition_size: Length of I, >= 1.
        seed: Int in [0, 2**32).

    Raises:
        ValueError: If an argument is out of range, or the sizes differ where type 3 multiplies x and I.

    Reference: On the Modularity of Hypernetworks, section 5 and appendix 7.1.
    """
    if type not in TYPES:
        raise ValueError(f"`type` must be 1, 2, 3 or 4. Received: type={type!r}")
    for name, size in (("x_size", x_size), ("condition_size", condition_size)):
        positive_int(name, size)
    if type == 3 and x_size != condition_size:
        raise ValueError(
            f"`condition_size` must be x_size for type 3, a product. Received: {condition_size} for x_size={x_size}"
        )
    sizes = {
        1: (condition_size, 300, 300, x_size),
        2: (x_size + condition_size, 100, 50, 50, 1),
        3: (condition_size, 100, 100, 50, 1),
        4: (condition_size, 300, 300, x_size),
    }[type]
    seeds = np.random.SeedSequence(int_at_least("seed", seed)).generate_state(len(sizes) - 1)
    shapes = itertools.pairwise(sizes)
    kernels = [KaimingUniform(int(word)).draw(shape) for word, shape in zip(seeds, shapes, strict=True)]
    return Target(type, x_size, condition_size, kernels)


def _perceptron(x: np.ndarray, kernels: list[np.ndarray], activation) -> np.ndarray:
    for kernel in kernels[:-1]:
        x = activation(x @ kernel)
    return x @ kernels[-1]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + _centred_sigmoid(x)  # 1 / (1 + exp(-x)) would overflow


def _centred_sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * np.tanh(0.5 * x)


def _elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
