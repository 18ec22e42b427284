"""A small MLP whose kernels are random: a trained counterpart of the ball classifiers."""

import keras

from zoo.layers import Amplify, KernelMoments, MajorityVote, NormalDraw, StochasticDense
from zoo.layers.arguments import positive_float, positive_int
from zoo.layers.seeds import layer_seeds
from zoo.registry import register


@register(paper="Coin-Flipping Neural Networks", section="sections 2 and 3, a trained counterpart")
def stochastic_mlp(dim=2, classes=2, hidden=(16,), scale=1.0, samples=25, seed=None) -> keras.Model:
    """An MLP that draws every weight from a normal law at every flip; mean and scale of each weight are trained.

    Points `(batch, dim)` to `classes`. `hidden` are the sizes of the ReLU layers, whose bias is 1: by its weights a
    unit sets how far from the origin it turns. All kernels begin with scale `scale` > 0 and, but for the last one,
    mean 0: no direction is preferred before training. `samples` flips vote, softly in training. The products of the
    first layer are made once per point, for all of its flips. Untrained, hidden units are gates of random half-spaces,
    as in `ball_cfnn`.
    """
    seeds, scale = layer_seeds(seed), positive_float("scale", scale)
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
    logits = StochasticDense(positive_int("classes", classes), loc, scale, seed=next(seeds), name="logits")(x)
    return keras.Model(inputs, MajorityVote(samples)(logits))
