"""A model at another number of flips: the same weights, another vote."""

from zoo.amplification.accuracy import RandomAccuracy, flips, random_accuracy
from zoo.amplification.amplified import VOTES, AmplifiedModel, amplify, coins_off
from zoo.amplification.reseed import reseed
from zoo.amplification.uncertainty import Uncertainty, uncertainty
from zoo.amplification.with_coins import with_coins

__all__ = [
    "VOTES",
    "AmplifiedModel",
    "RandomAccuracy",
    "Uncertainty",
    "amplify",
    "coins_off",
    "flips",
    "random_accuracy",
    "reseed",
    "uncertainty",
    "with_coins",
]
