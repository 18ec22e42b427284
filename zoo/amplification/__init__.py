"""A model at another number of flips: the same weights, another vote."""

from zoo.amplification.accuracy import RandomAccuracy, flips, random_accuracy
from zoo.amplification.amplified import VOTES, AmplifiedModel, amplify, coins_off

__all__ = ["VOTES", "AmplifiedModel", "RandomAccuracy", "amplify", "coins_off", "flips", "random_accuracy"]
