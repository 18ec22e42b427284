"""Which models have an adaptive endpoint: a law of the vote itself, not of what is made of it."""

import keras
import pytest

from zoo.layers import Amplify, CoinFlipDropout, MajorityVote
from zoo.serving.adaptive_endpoint import can_adapt

ENDINGS = {
    "the vote": (lambda vote: vote, True),
    "the vote and more": (lambda vote: [vote, vote * 2], True),
    "a layer behind it": (lambda vote: keras.layers.Rescaling(10.0)(vote), False),
    "an operation behind it": (lambda vote: vote[:, ::-1], False),
}


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("ending", ENDINGS)
def test_only_a_vote_that_is_an_output_is_adaptive(ending):
    make, wanted = ENDINGS[ending]
    inputs = keras.Input((4,))
    logits = keras.layers.Dense(3)(CoinFlipDropout(0.5)(Amplify(5)(inputs)))
    assert can_adapt(keras.Model(inputs, make(MajorityVote(5)(logits)))) == wanted
