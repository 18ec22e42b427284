"""Two random linear classifiers whose majority is the indicator of a ball: nothing is trained."""

import keras

from zoo.amplification.amplified import AmplifiedModel
from zoo.layers import (
    Amplify,
    BinaryLogits,
    HyperDense,
    KernelMoments,
    MajorityVote,
    NormalDraw,
    RandomInput,
    SharedDraws,
    StochasticDense,
)
from zoo.layers.arguments import positive_int
from zoo.layers.seeds import layer_seeds
from zoo.registry import register

_PAPER = "Coin-Flipping Neural Networks"


@register(paper=_PAPER, section="section 3, Theorem 3.1, Fig. 1")
def ball_cfnn(dim=2, radius=1.0, alpha=0.75, samples=101, seed=None) -> keras.Model:
    """Indicator of a ball by two random neurons, sgn(t (u.x - b - 1) + 1) with u ~ N(0, I) and t ~ Ber(alpha).

    Nothing is trained. The offset b is `zoo.theory.ball_offset(radius, alpha)`, and `zoo.theory.ball_probability` is
    the law of one flip: off the sphere more than half of the flips are right, if alpha is below 1. The products u.x are
    drawn from their own law, N(0, |x|^2), after one norm per point. An even number of flips can tie; the soft vote
    of the scores then decides.

    Args:
        dim: Positive int, coordinates of a point.
        radius: Float > 0, the ball's Euclidean radius.
        alpha: Float in (0.5, 1], the probability that the gate t is open.
        samples: Positive int, the flips that vote.
        seed: None or int in [0, 2**32), of the coins.

    Returns:
        A model from points `(batch, dim)` to shares of the votes `(batch, 2)`: class 0 is inside, 1 outside.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Coin-Flipping Neural Networks, Theorem 3.1 and Fig. 1.

    Example:
        >>> model = zoo.build("ball_cfnn", samples=1001, seed=0)
        >>> model.predict(np.array([[0.1, 0.2], [3.0, 3.0]]), verbose=0).argmax(axis=1)
        array([0, 1])
    """
    from zoo import theory  # it imports SciPy, which is slow to import

    offset, seeds = theory.ball_offset(radius, alpha), layer_seeds(seed)
    inputs = keras.Input((positive_int("dim", dim),))
    moments = Amplify(samples)(KernelMoments(1, 0.0, 1.0, trainable=False, name="u")(inputs))
    score = NormalDraw(bias=-offset - 1, gate=alpha, seed=next(seeds), name="neuron_1")(moments)
    return AmplifiedModel(inputs, _vote(score, samples))


@register(paper=_PAPER, section="appendix A, Fig. 6")
def tangent_cfnn(dim=2, radius=1.0, alpha=0.75, samples=101, seed=None) -> keras.Model:
    """Indicator of a ball by random tangents of a smaller one, sgn(t (u.x - b - 1) + 1) with u uniform on the sphere.

    The network is that of `ball_cfnn` with directions u of length 1. The offset b is
    `zoo.theory.tangent_offset(radius, alpha, dim)`, and `zoo.theory.tangent_probability` is the law of one flip. The
    points of a batch share the directions; each has gates of its own.

    Args:
        dim: Int >= 2, coordinates of a point; the paper's case is 2.
        radius: Float > 0, the ball's Euclidean radius.
        alpha: Float in (0.5, 1], the probability that the gate t is open.
        samples: Positive int, the flips that vote.
        seed: None or int in [0, 2**32), of the coins.

    Returns:
        A model from points `(batch, dim)` to shares of the votes `(batch, 2)`: class 0 is inside, 1 outside.

    Raises:
        ValueError: If an argument is out of range.

    Reference: Coin-Flipping Neural Networks, appendix A and Fig. 6.

    Example:
        >>> model = zoo.build("tangent_cfnn", samples=1001, seed=0)
        >>> model.predict(np.array([[0.1, 0.2], [3.0, 3.0]]), verbose=0).argmax(axis=1)
        array([0, 1])
    """
    from zoo import theory  # see `ball_cfnn`

    offset, seeds = theory.tangent_offset(radius, alpha, dim), layer_seeds(seed)
    inputs = keras.Input((dim,))
    normal = RandomInput(dim, "normal", seed=next(seeds))(SharedDraws(samples)(inputs))
    direction = keras.layers.UnitNormalization(name="u")(normal)
    product = HyperDense(1, use_bias=False, shared=True, name="product")([inputs, direction])
    fixed = {"loc_initializer": 1.0, "scale_initializer": 0.0, "trainable": False}
    gated = StochasticDense(1, **fixed, bias=-offset - 1, gate=alpha, seed=next(seeds), name="neuron_1")(product)
    return AmplifiedModel(inputs, _vote(gated, samples))


def _vote(score, samples: int):
    """Second neuron, score + 1, and the vote on its sign."""
    fixed = {"kernel_initializer": "ones", "bias_initializer": "ones", "trainable": False}
    return MajorityVote(samples)(BinaryLogits()(keras.layers.Dense(1, **fixed, name="neuron_2")(score)))
