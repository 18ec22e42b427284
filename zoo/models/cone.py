"""Cone classifier: any function with a Lipschitz constant, by two layers of generated weights."""

import warnings

import keras
import numpy as np
from keras import ops

from zoo.amplification.amplified import AmplifiedModel
from zoo.layers import Amplify, BinaryLogits, MajorityVote, RandomInput
from zoo.layers.arguments import one_of, positive_float, positive_int
from zoo.layers.seeds import layer_seeds
from zoo.registry import register

_PAPER = "Coin-Flipping Neural Networks"
_PAIRS = 1000  # pairs of points between which the slope of a function is measured


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class L1Ball(keras.layers.Layer):
    """Signed distance |x|_1 - radius from the L1 ball's surface: negative inside, of slope 1 in the L1 norm.

    Args:
        radius: Float > 0.

    Input shape: `(rows, dim)`. Output shape: `(rows, 1)`.

    Raises:
        ValueError: If `radius` is out of range.
    """

    def __init__(self, radius: float = 1.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.radius = positive_float("radius", radius)

    def build(self, input_shape) -> None:
        """Create nothing."""
        self.built = True

    def call(self, inputs):
        """Signed L1 distance from the surface."""
        return ops.sum(ops.abs(inputs), axis=-1, keepdims=True) - self.radius

    def compute_output_shape(self, input_shape):
        """`(rows, 1)`."""
        return (*input_shape[:-1], 1)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "radius": self.radius}


@register(paper=_PAPER, section="section 4, Theorems 4.1, 4.3, C.2 and C.3")
def cone_cfnn(dim=1, function=None, lipschitz=1.0, zeta="normal", spread=1.0, samples=101, seed=None) -> keras.Model:
    """Sign of a function f' by cones below or above random points (t, f'(t)) of its graph.

    Every flip draws t ~ zeta and a fair sign s, and answers sgn(f'(t) + s K |x - t|_1). That is sgn f'(t) where x is in
    the cone of slope K around (t, f'(t)), and a fair coin elsewhere. If K is an L1 Lipschitz constant of f', then f'
    has one sign in the cone, so more than half of the flips are right wherever zeta reaches a point whose cone has x.
    The 2 dim + 1 neurons, max(0, +-(K x_i - K t_i)) and their sum, have weights made of K (t, f'(t)) and s. Only f'
    itself is a network, and it sees random numbers, never the data.

    Args:
        dim: Positive int, coordinates of a point.
        function: Keras layer or model f', `(rows, dim)` to `(rows, 1)`; it is used with its weights and saved with
            the model. None is the L1 ball of radius 1, |x|_1 - 1.
        lipschitz: Float > 0, the slope K of the cones. If the slopes of f', measured in float32, exceed it, a
            warning says so.
        zeta: "normal", of deviation `spread`, or "uniform" on [-spread, spread]^dim.
        spread: Float > 0.
        samples: Positive int, the flips that vote.
        seed: None or int in [0, 2**32), of the coins.

    Returns:
        A model from points `(batch, dim)` to shares of the votes `(batch, 2)`: class 0 is f' < 0, class 1 f' > 0.

    Raises:
        ValueError: If an argument is out of range, or `function` takes other points or gives other shapes or
            numbers that are not finite.

    Reference: Coin-Flipping Neural Networks, Theorems 4.1, 4.3, C.2 and C.3.

    Example:
        >>> model = zoo.build("cone_cfnn", dim=1, samples=1001, seed=0)  # the interval [-1, 1]
        >>> model.predict(np.array([[0.2], [2.0]]), verbose=0).argmax(axis=1)
        array([0, 1])
    """
    positive_int("dim", dim)
    slope = positive_float("lipschitz", lipschitz)
    spread, seeds = positive_float("spread", spread), layer_seeds(seed)
    function = L1Ball(name="function") if function is None else function
    one_of("zeta", zeta, ("normal", "uniform"))
    inputs = keras.Input((dim,))
    rows = Amplify(samples)(inputs)
    noise = RandomInput(dim, zeta, seed=next(seeds), without_flips="mean", name="t")(rows)
    t = noise * spread if zeta == "normal" else (noise - 0.5) * (2 * spread)
    # In float32: 16 bits would round some numbers to one half, of no sign.
    fair = RandomInput(1, seed=next(seeds), without_flips="mean", dtype="float32", name="s")(rows)
    sign = ops.sign(fair - 0.5)
    height = _height(function, t)
    _warn_of_slope(function, dim=dim, lipschitz=slope, zeta=zeta, spread=spread)
    fixed = {"use_bias": False, "trainable": False}
    neurons = keras.layers.Dense(2 * dim, "relu", name="neurons", **fixed, kernel_initializer="zeros")
    distances = neurons(rows - t)
    neurons.set_weights([slope * np.concatenate([np.eye(dim), -np.eye(dim)], axis=1)])
    distance = keras.layers.Dense(1, name="sum", **fixed, kernel_initializer="ones")(distances)
    sign = sign if sign.dtype == distance.dtype else ops.cast(sign, distance.dtype)
    score = BinaryLogits()(distance * sign + height)
    return AmplifiedModel(inputs, MajorityVote(samples)(score))


def _height(function, t):
    if not isinstance(function, keras.layers.Layer):
        raise ValueError(f"`function` must be None or a Keras layer or model. Received: function={function!r}")
    try:
        height = function(t)
    except (ValueError, TypeError) as error:
        raise ValueError(f"`function` must take points {t.shape}. Received: function={function!r}: {error}") from error
    if tuple(height.shape) != (None, 1):
        raise ValueError(f"`function` must give (rows, 1). Received: outputs of shape {tuple(height.shape)}")
    return height


def _warn_of_slope(function, *, dim: int, lipschitz: float, zeta: str, spread: float) -> None:
    """Warn if f' rises faster than K between near points, which differ in one coordinate; in float32 only.

    Raises:
        ValueError: If f' is infinite or NaN there.
    """
    if function.compute_dtype != "float32":
        return
    rng = np.random.default_rng(0)
    x = spread * (rng.standard_normal((_PAIRS, dim)) if zeta == "normal" else rng.uniform(-1, 1, (_PAIRS, dim)))
    step = 1e-3 * spread * np.eye(dim)[rng.integers(dim, size=_PAIRS)]
    low, high = (ops.convert_to_numpy(function((x + d).astype("float32"))) for d in (-step, step))
    steepest = float(np.abs(high - low).max() / (2e-3 * spread))
    if not np.isfinite(steepest):
        raise ValueError(f"`function` must give finite numbers. Received: function={function!r}, which does not")
    if steepest > lipschitz * 1.01:  # 1 % for the rounding of differences in float32
        warnings.warn(
            f"`lipschitz` should be at least the slope of `function`: measured {steepest:.4g}, "
            f"lipschitz={lipschitz:.4g}. Flips may then be wrong more often than right.",
            stacklevel=2,
        )
