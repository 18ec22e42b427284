"""A model at another number of flips: the same weights, another vote."""

from zoo.amplification.accuracy import RandomAccuracy, flips, random_accuracy
from zoo.amplification.adaptive import adaptive_vote
from zoo.amplification.amplified import VOTES, AmplifiedModel, amplify, coins_off
from zoo.amplification.election import AdaptiveVote
from zoo.amplification.pilot import required_samples
from zoo.amplification.reseed import reseed
from zoo.amplification.uncertainty import Uncertainty, uncertainty
from zoo.amplification.with_coins import with_coins

__all__ = [
    "VOTES",
    "AdaptiveVote",
    "AmplifiedModel",
    "RandomAccuracy",
    "Uncertainty",
    "adaptive_vote",
    "amplify",
    "coins_off",
    "flips",
    "random_accuracy",
    "required_samples",
    "reseed",
    "uncertainty",
    "with_coins",
]
