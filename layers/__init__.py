"""Keras layers whose randomness is a resource; nothing here knows a model by name."""

if __name__ == "layers":  # a checkout on sys.path: these would be second copies of the same classes
    raise ImportError("Import zoo.layers, not layers.")

from zoo.layers.amplify import Amplify
from zoo.layers.batch_normalization import BatchNormalization
from zoo.layers.binary_logits import BinaryLogits
from zoo.layers.coin_flip import CoinFlip
from zoo.layers.coin_flip_dropout import CoinFlipDropout
from zoo.layers.coins import CoinLayer
from zoo.layers.hyper_dense import HyperDense
from zoo.layers.hyperfan import Hyperfan
from zoo.layers.initializers import FanInUniform, KaimingUniform, SignedKaimingConstant
from zoo.layers.kernel_moments import KernelMoments
from zoo.layers.majority_vote import MajorityVote
from zoo.layers.masks import topk_mask
from zoo.layers.normal_draw import NormalDraw
from zoo.layers.normalize_pixels import NormalizePixels
from zoo.layers.population_dense import PopulationDense
from zoo.layers.random_input import RandomInput
from zoo.layers.randomize_pruned import RandomizePruned
from zoo.layers.score_masked import ScoreMaskedConv, ScoreMaskedDense
from zoo.layers.shared_draws import SharedDraws
from zoo.layers.stochastic_dense import StochasticDense

__all__ = [
    "Amplify",
    "BatchNormalization",
    "BinaryLogits",
    "CoinFlip",
    "CoinFlipDropout",
    "CoinLayer",
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
