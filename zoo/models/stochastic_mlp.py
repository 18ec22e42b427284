"""Small MLP whose kernels are random: a trained counterpart of the ball classifiers."""

import keras

from zoo.amplification.amplified import AmplifiedModel
from zoo.layers import Amplify, KernelMoments, MajorityVote, NormalDraw, StochasticDense
from zoo.layers.arguments import int_at_least, positive_float, positive_int
from zoo.layers.seeds import layer_seeds
from zoo.registry import register


@register(paper="Coin-Flipping Neural Networks", section="sections 2 and 3, a trained counterpart")
def stochastic_mlp(dim=2, classes=2, hidden=(16,), scale=1.0, samples=25, seed=None) -> keras.Model:
    """MLP that draws every weight from a normal law at every flip; mean and scale of each weight are trained.

    The ReLU layers have the bias 1: a unit's weights then set how far from the origin it turns. All kernels begin with
    the scale `scale` and all but the last one with mean 0, so that no direction is preferred before training. Untrained
    hidden units are gates of random half-spaces, as in `ball_cfnn`. The flips vote, softly in training. The products
    of the first layer are made once per point, for all of its flips.

    Args:
        dim: Positive int, coordinates of a point.
        classes: Int >= 2.
        hidden: Tuple of positive ints, one at least: the sizes of the ReLU layers.
        scale: Float > 0, the initial standard deviation of every weight.
        samples: Positive int, the flips that vote.
        seed: None or int in [0, 2**32), of the initial weights and the coins.

    Returns:
        A model from points `(batch, dim)` to shares of the votes `(batch, classes)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Coin-Flipping Neural Networks, sections 2 and 3, whose classifiers of a ball it makes trainable.

    Example:
        >>> model = zoo.build("stochastic_mlp", dim=2, hidden=(16,), samples=5)
        >>> model.output_shape, model.count_params()  # mean and scale of 2 * 16 + 16 * 2 weights
        ((None, 2), 128)
    """
    seeds, scale, classes = layer_seeds(seed), positive_float("scale", scale), int_at_least("classes", classes, 2)
    if not isinstance(hidden, tuple | list) or not hidden:
        raise ValueError(f"`hidden` must be a tuple of sizes, one at least. Received: hidden={hidden!r}")
    first, *others = [positive_int("hidden", units) for units in hidden]
    inputs = keras.Input((positive_int("dim", dim),))
    moments = Amplify(samples)(KernelMoments(first, 0.0, scale, name="hidden_1_kernel")(inputs))
    x = NormalDraw(bias=1.0, activation="relu", seed=next(seeds), name="hidden_1")(moments)
    for number, units in enumerate(others, 2):
        draw = {"bias": 1.0, "activation": "relu", "seed": next(seeds)}
        x = StochasticDense(units, 0.0, scale, **draw, name=f"hidden_{number}")(x)
    loc = keras.initializers.GlorotUniform(next(seeds))
    logits = StochasticDense(classes, loc, scale, seed=next(seeds), name="logits")(x)
    return AmplifiedModel(inputs, MajorityVote(samples)(logits))
