"""Models whose flips have a law that is known: class k with probability p_k."""

import keras

from zoo.layers import Amplify, CoinLayer, MajorityVote


class Gumbel(CoinLayer):
    """Add Gumbel noise to log-probabilities: the largest is then a class of that law.

    Args:
        flipped: Bool, whether coins off give the reversed order of the classes, a wrong guess.
    """

    def __init__(self, flipped=False, **kwargs):
        super().__init__(**kwargs)
        self.flipped = flipped

    def call(self, inputs, training=None):
        if not self.flips(training):
            return -inputs if self.flipped else inputs
        uniform = keras.random.uniform(keras.ops.shape(inputs), 1e-12, 1.0, seed=self.generator(training))
        return inputs - keras.ops.log(-keras.ops.log(uniform))

    def get_config(self):
        return {**super().get_config(), "flipped": self.flipped}


def gumbel_model(classes, samples=3, flipped=False, seed=0, **options):
    """A model of log-probabilities `(batch, classes)`."""
    inputs = keras.Input((classes,))
    flips = Gumbel(flipped, seed=seed)(Amplify(samples)(inputs))
    return keras.Model(inputs, MajorityVote(samples, **options)(flips))
