"""CoinFlip: any random layer of Keras, made to flip its coins at inference."""

import contextlib
import inspect
import threading
from collections.abc import Iterator

import keras
from keras import ops

from zoo.layers.arguments import boolean, proper_fraction
from zoo.layers.coin_generator import CoinGenerator, restore
from zoo.layers.coins import coin_states, coins_switched, draw_by_state, is_coin, share
from zoo.layers.seeds import optional_seed
from zoo.layers.uncast import uncast

_RATES = ("rate", "dropout", "recurrent_dropout")
_UPDATES = (
    "`layer` must not update weights in its training mode, as {!r} ({}) does. Set `trainable` of what updates them to "
    "False, or call the random layers on their own, in the model's own graph. Received: layer={!r}"
)
_SETTING = threading.RLock()  # one thread at a time sets rates: models share layers
_PARAMETER = inspect.Parameter("training", inspect.Parameter.KEYWORD_ONLY, default=None)


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class CoinFlip(keras.layers.Layer):
    """A random layer that flips its coins at inference, too: dropout, noise, recurrent and attention dropout.

    The wrapped layer is called in its training mode where coins flip, and in its inference mode where they do not.
    It may be any layer that draws random numbers in training, or that holds such layers: `LSTM(dropout=0.1)`,
    `MultiHeadAttention(dropout=0.1)`, `TimeDistributed(Dropout(0.5))`, a block of your own. Its weights and its call's
    arguments stay what they are. Inference draws from a generator of the wrapper, so that it does not change what
    training draws. Files keep the states of all generators.

    Args:
        layer: Layer that draws random numbers in training. A layer whose training mode updates weights, as batch
            normalisation does, is refused.
        flip_at_inference: Bool. False leaves the layer in its inference mode at inference.
        rate: None, or a float in [0, 1) that takes the place of every dropout rate above 0 in the layer.
        fixed: Bool; True keeps `flip_at_inference` as it is, however the model is amplified.
        seed: None (drawn; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32), of the inference's coins.

    Input shape: The layer's.
    Output shape: The layer's.

    Raises:
        ValueError: If an argument is out of range, or the layer cannot be switched.

    Reference: Coin-Flipping Neural Networks, section 5.2.

    Example:
        >>> layer = layers.CoinFlip(keras.layers.GaussianNoise(1.0), seed=0)
        >>> first, second = layer(np.zeros((2, 3))), layer(np.zeros((2, 3)))
        >>> bool(keras.ops.any(first == second))
        False
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        flip_at_inference: bool = True,
        rate: float | None = None,
        fixed: bool = False,
        seed: int | None = None,
        **kwargs,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.layer = _switchable(layer)
        self.flip_at_inference = boolean("flip_at_inference", flip_at_inference)
        self.rate = None if rate is None else proper_fraction("rate", rate)
        self.fixed = boolean("fixed", fixed)
        self.seed = optional_seed("seed", seed)
        self.inference_generator = CoinGenerator(self.seed)
        self.supports_masking = layer.supports_masking
        self._take_signature()
        if layer.built:
            self.built = True

    def _take_signature(self) -> None:
        """Let Keras bind arguments, masks among them, as the wrapped layer does."""
        signature = inspect.signature(self.layer.call)
        if "training" not in signature.parameters:
            named = list(signature.parameters.values())
            at = next((i for i, one in enumerate(named) if one.kind is inspect.Parameter.VAR_KEYWORD), len(named))
            signature = signature.replace(parameters=[*named[:at], _PARAMETER, *named[at:]])
        self._call_signature = signature
        self._call_has_training_arg = True
        self._call_has_context_arg = {**self._call_has_context_arg, "training": True}

    def with_flip_at_inference(self, flip_at_inference: bool) -> "CoinFlip":
        """Return a layer with the given `flip_at_inference` over the same layer and generator; itself if `fixed`."""
        if self.fixed:
            return self
        options = {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype_policy}
        copy = CoinFlip(self.layer, flip_at_inference, trainable=self.trainable, **options)
        share(self, copy, "inference_generator")
        return copy

    def call(self, *args, training=None, **kwargs):
        """Call the layer, in its training mode where coins flip."""
        draw_by_state(self.layer)
        with _rates(self.layer, self.rate):
            if training or not self.flip_at_inference:
                with coins_switched(False), self._mode(training):
                    return self.layer(*args, training=training, **kwargs)
            with self._own_states(), self._mode(True):
                return self.layer(*args, training=True, **kwargs)

    @contextlib.contextmanager
    def _mode(self, training) -> Iterator[None]:
        """Keep the layer's mode from the layers that are called next."""
        context = self._get_call_context()
        before = context.get_value("training")
        context.set_value("training", training)
        yield
        context.set_value("training", before)

    @contextlib.contextmanager
    def _own_states(self) -> Iterator[None]:
        """Give the layer's generators new states for one call; what training draws next stays as it is."""
        states = coin_states(self.layer)
        if not states:
            raise ValueError(f"`layer` must draw random numbers in training. Received: layer={self.layer.name!r}")
        shape = (len(states), *states[0].shape)
        fresh = keras.random.randint(shape, 0, 2**31 - 1, seed=self.inference_generator)
        own = [(state, ops.cast(fresh[index], state.dtype)) for index, state in enumerate(states)]
        with uncast():  # layers inside may be of another precision
            others = [(v, v.value) for v in self.layer.variables if not any(v is state for state in states)]
            scope = keras.StatelessScope(state_mapping=own + others, collect_losses=True)
        with scope:
            before = [scope.get_current_value(variable) for variable, _ in others]
            yield
        for (variable, _), value in zip(others, before, strict=True):
            if scope.get_current_value(variable) is not value:
                raise ValueError(_UPDATES.format(variable.path, type(self.layer).__name__, self.layer.name))
        for loss in scope.losses:  # activity regularizers among them
            self.add_loss(loss)

    def compute_output_shape(self, *args, **kwargs):
        """Return the layer's output shape."""
        return self.layer.compute_output_shape(*args, **kwargs)

    def compute_output_spec(self, *args, **kwargs):
        """Return shape and dtype of the layer's output."""
        return keras.Operation.compute_output_spec(self, *args, **kwargs)  # by a call: the dtype is not this layer's

    def compute_mask(self, inputs, previous_mask):
        """Return the layer's mask."""
        return self.layer.compute_mask(inputs, previous_mask)

    def save_own_variables(self, store) -> None:
        """Save the states of all generators, which Keras leaves out of every file."""
        for index, state in enumerate(self._states()):
            store[f"seed_state_{index}"] = ops.convert_to_numpy(state.value)

    def load_own_variables(self, store) -> None:
        """Restore the states of the generators; a file without them leaves them unchanged."""
        for index, state in enumerate(self._states()):
            if f"seed_state_{index}" in store.keys():  # noqa: SIM118 -- Keras's store has keys() but no `in`
                restore(state, store[f"seed_state_{index}"])

    def _states(self) -> list[keras.Variable]:
        return [self.inference_generator.state, *coin_states(self.layer)]

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        layer = keras.saving.serialize_keras_object(self.layer)
        if isinstance(layer["config"].get("dtype"), str):  # Keras's spatial dropout keeps float32 of mixed_bfloat16
            layer["config"]["dtype"] = keras.saving.serialize_keras_object(self.layer.dtype_policy)
        return {
            **super().get_config(),
            "layer": layer,
            "flip_at_inference": self.flip_at_inference,
            "rate": self.rate,
            "fixed": self.fixed,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict) -> "CoinFlip":
        """Make the layer of its configuration."""
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})


def _switchable(layer) -> keras.layers.Layer:
    """Return the layer, or raise a `ValueError` that names what cannot be switched between its two modes."""
    if not isinstance(layer, keras.layers.Layer):
        raise ValueError(f"`layer` must be a Keras layer. Received: layer={layer!r}")
    for one in layer._flatten_layers():
        if isinstance(one, keras.layers.BatchNormalization) and one.trainable:
            raise ValueError(_UPDATES.format(one.name, type(one).__name__, layer.name))
        if (getattr(one, "noise_shape", None) or (None,))[0] is not None:
            raise ValueError(
                f"`layer` holds {one.name!r} with noise_shape={one.noise_shape}: rows would share a coin, all flips "
                "of an example be one. Begin it with None, or use zoo.layers.CoinFlipDropout with SharedDraws. "
                f"Received: layer={layer.name!r}"
            )
        if is_coin(one) and one is not layer and not hasattr(one, "flips"):
            raise ValueError(
                f"`layer` holds {one.name!r} ({type(one).__name__}), which cannot be switched from outside: derive it "
                f"from zoo.layers.CoinLayer. Received: layer={layer.name!r}"
            )
    return layer


@contextlib.contextmanager
def _rates(layer: keras.layers.Layer, rate: float | None) -> Iterator[None]:
    """Set the dropout rates above 0 of a layer while it is called; compiled code keeps them."""
    if rate is None:
        yield
        return
    with _SETTING:
        drawing = [one for one in layer._flatten_layers() if one._seed_generators]
        found = [(one, name, getattr(one, name, None)) for one in drawing for name in _RATES]
        found = [(one, name, before) for one, name, before in found if isinstance(before, int | float) and before > 0]
        for one, name, _ in found:
            setattr(one, name, rate)
        try:
            yield
        finally:
            for one, name, before in found:
                setattr(one, name, before)
