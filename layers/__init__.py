"""Keras layers whose randomness is a resource."""

from layers.amplify import Amplify
from layers.coin_flip_dropout import CoinFlipDropout
from layers.majority_vote import MajorityVote
from layers.normalize_pixels import NormalizePixels

__all__ = ["Amplify", "CoinFlipDropout", "MajorityVote", "NormalizePixels"]
