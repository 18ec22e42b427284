"""Random networks as they are before training, one or a population: what the probes are first pointed at."""

import math

import keras

from zoo.layers import PopulationDense
from zoo.layers.arguments import non_negative_float, one_of, positive_float, positive_int
from zoo.layers.seeds import layer_seeds
from zoo.registry import register

ACTIVATIONS = ("relu", "hard_tanh", "tanh")


@register(paper="On the Expressive Power of Deep Neural Networks", section="section 2.1; simplicity bias: section 2")
def random_mlp(
    dim=100,
    width=100,
    depth=3,
    outputs=1,
    activation="hard_tanh",
    sigma_w=2.0,
    sigma_b=0.0,
    networks=None,
    seed=None,
) -> keras.Model:
    """MLP with normal weights of variance sigma_w^2 / fan_in and normal biases of variance sigma_b^2, or many of them.

    Its layers are `hidden_1`, ..., `hidden_<depth>` and a linear `readout`. Section 2 of the simplicity paper has
    "relu", depth 2, width dim and sigma_w sqrt(2); the experiments on expressivity have "hard_tanh".

    Args:
        dim: Positive int, coordinates of a point.
        width: Positive int, units per hidden layer.
        depth: Positive int, the number of hidden layers.
        outputs: Positive int.
        activation: "relu", "hard_tanh" (clipped to [-1, 1]) or "tanh".
        sigma_w: Float > 0.
        sigma_b: Float >= 0; at 0 there are no biases.
        networks: Positive int, networks that are evaluated at once (the first axis of all weights is the network);
            or None for a single one of ordinary Dense layers.
        seed: None or int in [0, 2**32), of the weights.

    Returns:
        A model from points `(batch, dim)` to `(batch, outputs)`, or with `networks` to `(batch, networks, outputs)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: On the Expressive Power of Deep Neural Networks, section 2.1; Random deep neural networks are biased
    towards simple functions, section 2.

    Example:
        >>> zoo.build("random_mlp", dim=5, width=4, depth=2).count_params()  # 5 * 4 + 4 * 4 + 4
        40
        >>> zoo.build("random_mlp", dim=5, width=4, depth=2, networks=7).output_shape
        (None, 7, 1)
    """
    positive_int("dim", dim)
    one_of("activation", activation, ACTIVATIONS)
    positive_float("sigma_w", sigma_w)
    non_negative_float("sigma_b", sigma_b)
    seeds = layer_seeds(seed)
    x = inputs = keras.Input((dim,))
    sizes = [positive_int("width", width)] * positive_int("depth", depth) + [positive_int("outputs", outputs)]
    for number, units in enumerate(sizes, 1):
        last = number == len(sizes)
        normal = keras.initializers.RandomNormal
        options = {
            "activation": None if last else activation,
            "use_bias": sigma_b > 0,
            "kernel_initializer": normal(0, sigma_w / math.sqrt(x.shape[-1]), next(seeds)),
            "bias_initializer": normal(0, sigma_b, next(seeds)),
            "name": "readout" if last else f"hidden_{number}",
            "dtype": "float32" if last else None,
        }
        one = networks is None
        x = (keras.layers.Dense(units, **options) if one else PopulationDense(units, networks, **options))(x)
    return keras.Model(inputs, x)
