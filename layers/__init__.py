"""Keras layers whose randomness is a resource."""

from layers.amplify import Amplify
from layers.batch_normalization import BatchNormalization
from layers.binary_logits import BinaryLogits
from layers.coin_flip_dropout import CoinFlipDropout
from layers.fan_in_uniform import FanInUniform
from layers.hyper_dense import HyperDense
from layers.hyperfan import Hyperfan
from layers.initializers import KaimingUniform, SignedKaimingConstant
from layers.kernel_moments import KernelMoments
from layers.majority_vote import MajorityVote
from layers.masks import topk_mask
from layers.normal_draw import NormalDraw
from layers.normalize_pixels import NormalizePixels
from layers.population_dense import PopulationDense
from layers.random_input import RandomInput
from layers.randomize_pruned import RandomizePruned
from layers.score_masked import ScoreMaskedConv, ScoreMaskedDense
from layers.shared_draws import SharedDraws
from layers.stochastic_dense import StochasticDense

__all__ = [
    "Amplify",
    "BatchNormalization",
    "BinaryLogits",
    "CoinFlipDropout",
    "FanInUniform",
    "HyperDense",
    "Hyperfan",
    "KaimingUniform",
    "KernelMoments",
    "MajorityVote",
    "NormalDraw",
    "NormalizePixels",
    "PopulationDense",
    "RandomInput",
    "RandomizePruned",
    "ScoreMaskedConv",
    "ScoreMaskedDense",
    "SharedDraws",
    "SignedKaimingConstant",
    "StochasticDense",
    "topk_mask",
]
