"""Keras layers whose randomness is a resource."""

from layers.amplify import Amplify
from layers.coin_flip_dropout import CoinFlipDropout
from layers.initializers import KaimingUniform, SignedKaimingConstant
from layers.majority_vote import MajorityVote
from layers.masks import topk_mask
from layers.normalize_pixels import NormalizePixels
from layers.randomize_pruned import RandomizePruned
from layers.score_masked import ScoreMaskedConv, ScoreMaskedDense

__all__ = [
    "Amplify",
    "CoinFlipDropout",
    "KaimingUniform",
    "MajorityVote",
    "NormalizePixels",
    "RandomizePruned",
    "ScoreMaskedConv",
    "ScoreMaskedDense",
    "SignedKaimingConstant",
    "topk_mask",
]
