"""Two random linear classifiers whose majority is the indicator of a ball: nothing is trained."""

import keras

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
    """The indicator of a ball by two neurons, sgn(t (u.x - b - 1) + 1) with u ~ N(0, I) and t ~ Ber(alpha).

    Points `(batch, dim)` to classes 0 (inside) and 1 (outside); `radius` > 0, `alpha` in (0.5, 1], `samples` flips
    vote. b is `zoo.theory.ball_offset(radius, alpha)`, one flip's law `zoo.theory.ball_probability`: more than half
    are right everywhere off the sphere, if alpha is below 1. Nothing is trained. The products u.x are drawn from their
    own law, N(0, |x|^2), after one norm per point. Even numbers of flips can tie; the scores' soft vote then decides.
    """
    from zoo import theory  # only who builds it waits for SciPy

    offset, seeds = theory.ball_offset(radius, alpha), layer_seeds(seed)
    inputs = keras.Input((positive_int("dim", dim),))
    moments = Amplify(samples)(KernelMoments(1, 0.0, 1.0, trainable=False, name="u")(inputs))
    score = NormalDraw(bias=-offset - 1, gate=alpha, seed=next(seeds), name="neuron_1")(moments)
    return keras.Model(inputs, _vote(score, samples))


@register(paper=_PAPER, section="appendix A, Fig. 6")
def tangent_cfnn(dim=2, radius=1.0, alpha=0.75, samples=101, seed=None) -> keras.Model:
    """The indicator of a ball by random tangents of a smaller one: sgn(t (u.x - b - 1) + 1), u uniform on the sphere.

    As `ball_cfnn`, with directions of length 1; `dim` >= 2, the paper's case being 2. b is
    `zoo.theory.tangent_offset(radius, alpha, dim)`, one flip's law `zoo.theory.tangent_probability`. The directions are
    shared by the points of a batch, the gates are not.
    """
    from zoo import theory

    offset, seeds = theory.tangent_offset(radius, alpha, dim), layer_seeds(seed)
    inputs = keras.Input((dim,))
    normal = RandomInput(dim, "normal", seed=next(seeds))(SharedDraws(samples)(inputs))
    direction = keras.layers.UnitNormalization(name="u")(normal)
    product = HyperDense(1, use_bias=False, shared=True, name="product")([inputs, direction])
    fixed = {"loc_initializer": 1.0, "scale_initializer": 0.0, "trainable": False}
    gated = StochasticDense(1, **fixed, bias=-offset - 1, gate=alpha, seed=next(seeds), name="neuron_1")(product)
    return keras.Model(inputs, _vote(gated, samples))


def _vote(score, samples: int):
    """The second neuron, score + 1, and the vote on its sign."""
    fixed = {"kernel_initializer": "ones", "bias_initializer": "ones", "trainable": False}
    return MajorityVote(samples)(BinaryLogits()(keras.layers.Dense(1, **fixed, name="neuron_2")(score)))
