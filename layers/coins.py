"""CoinLayer: a layer with random generators, whose states its files keep and its copies share."""

import contextlib
import threading
from collections.abc import Iterator

import keras

from zoo.layers.arguments import boolean
from zoo.layers.coin_generator import CoinGenerator, restore
from zoo.layers.seeds import derived_seed, optional_seed

_SWITCH = threading.local()
_GENERATORS = {
    "seed_generator": "seed_state",
    "inference_generator": "inference_seed_state",
}  # attribute: name in files


class CoinLayer(keras.layers.Layer):
    """A layer that draws random numbers, in training or also at inference.

    Derive a random layer of your own from it: draw with `seed=self.generator(training)` where `self.flips(training)`
    is True, and return the mean of the draws where it is False. Amplification, coins off, export and the measures of
    uncertainty then treat the layer as they treat those of the library. Training and inference have generators of
    their own, so that validation between two epochs does not change what training draws.

    A layer of your own may have weights and layers inside, as attributes of their own, not in lists: the copy whose
    coins are off shares them.

    Args:
        flip_at_inference: Bool, whether coins are flipped at inference, too.
        seed: None (drawn; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32).

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> class Sign(layers.CoinLayer):
        ...     def call(self, inputs, training=None):
        ...         if not self.flips(training):
        ...             return inputs * 0
        ...         coins = keras.random.uniform(keras.ops.shape(inputs), seed=self.generator(training))
        ...         return keras.ops.where(coins < 0.5, -inputs, inputs)
        >>> keras.ops.convert_to_numpy(abs(Sign(seed=0)(np.ones((1, 3))))).tolist()
        [[1.0, 1.0, 1.0]]
    """

    def __init__(self, flip_at_inference: bool = True, seed: int | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.flip_at_inference = boolean("flip_at_inference", flip_at_inference)
        self.seed = optional_seed("seed", seed)
        self.seed_generator = CoinGenerator(self.seed)
        self.inference_generator = CoinGenerator(derived_seed(self.seed))

    def flips(self, training: bool | None) -> bool:
        """Return whether this call flips coins."""
        switched = getattr(_SWITCH, "value", None)
        return bool(training or (self.flip_at_inference if switched is None else switched))

    def generator(self, training: bool | None) -> keras.random.SeedGenerator:
        """Return the generator of this call's random numbers."""
        return self.seed_generator if training else self.inference_generator

    def with_flip_at_inference(self, flip_at_inference: bool) -> "CoinLayer":
        """Return a copy with the given `flip_at_inference` that shares this layer's random generators and weights.

        Raises:
            ValueError: If the layer cannot be made of its own configuration, or keeps weights elsewhere than in
                attributes.
        """
        try:
            copy = type(self).from_config({**self.get_config(), "flip_at_inference": flip_at_inference})
        except TypeError as error:
            raise ValueError(
                f"{self.name!r} cannot be copied with its coins on or off: `get_config` of {type(self).__name__} must "
                f"return all arguments of its constructor. {str(error).splitlines()[-1]}"
            ) from error
        for attribute in _GENERATORS:
            share(self, copy, attribute)
        _share_weights(self, copy)
        return copy

    def save_own_variables(self, store) -> None:
        """Save the weights and the states of the random generators, which Keras leaves out of every file."""
        super().save_own_variables(store)
        for attribute, name in _GENERATORS.items():
            store[name] = keras.ops.convert_to_numpy(getattr(self, attribute).state.value)

    def load_own_variables(self, store) -> None:
        """Restore weights and states of the random generators; a state that a file does not have is left as it is."""
        names = _GENERATORS.values()
        super().load_own_variables({key: store[key] for key in store.keys() if key not in names})  # noqa: SIM118
        for attribute, name in _GENERATORS.items():
            if name in store.keys():  # noqa: SIM118 -- Keras's store has keys() but no `in`
                restore(getattr(self, attribute).state, store[name])

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "flip_at_inference": self.flip_at_inference, "seed": self.seed}


def drawn_in(dtype: str) -> str:
    """Dtype to draw in before casting to `dtype`: a uniform number drawn in bfloat16 has only 128 values."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def draw_by_state(layer: keras.layers.Layer) -> None:
    """Make the dropouts of a layer draw by their generators' states.

    Keras's dropout of `seed=None` takes torch's own generator, whatever state it was given.
    """
    if keras.backend.backend() != "torch":
        return
    for one in layer._flatten_layers():
        for generator in one._seed_generators:
            if generator._initial_seed is None:
                generator._initial_seed = int(generator.state.value[0])


def share(layer, copy, attribute: str) -> None:
    """Make `copy` use the same generator or sublayer as `layer`, and drop the one it made."""
    copy._tracker.untrack(getattr(copy, attribute))
    setattr(copy, attribute, getattr(layer, attribute))


def _share_weights(layer: CoinLayer, copy: CoinLayer) -> None:
    """Make `copy` use the variables and sublayers that are attributes of `layer`."""
    attributes = {**vars(layer), **vars(layer).get("_modules", {})}  # torch keeps sublayers there
    for name, value in attributes.items():
        if isinstance(value, keras.Variable | keras.layers.Layer):
            if hasattr(copy, name):
                share(layer, copy, name)
            else:
                setattr(copy, name, value)
    if layer.weights:
        copy.built = layer.built
    if {id(weight) for weight in copy.weights} != {id(weight) for weight in layer.weights}:
        raise ValueError(
            f"{layer.name!r} ({type(layer).__name__}) cannot be copied with its coins on or off: its weights and "
            "layers must be attributes of their own, not in lists or dicts."
        )


@contextlib.contextmanager
def coins_switched(flip: bool | None) -> Iterator[None]:
    """Switch all coins of the layers that are called inside on or off at inference; None leaves them as they are."""
    before = getattr(_SWITCH, "value", None)
    _SWITCH.value = flip
    try:
        yield
    finally:
        _SWITCH.value = before


def is_coin(layer) -> bool:
    """Return whether a layer can flip coins: it has `flip_at_inference` and `with_flip_at_inference`."""
    return hasattr(layer, "flip_at_inference")


def flips_coins(layer) -> bool:
    """Return whether a layer or model draws random numbers at inference, itself or in a layer inside, at any depth."""
    if not isinstance(layer, keras.layers.Layer):
        return False
    if is_coin(layer):
        return layer.flip_at_inference
    if _draws(layer) and not layer._call_has_training_arg:
        return True  # it cannot know training from inference
    return any(flips_coins(inner) for inner in layer._flatten_layers(include_self=False, recursive=False))


def random_in_training(layer) -> bool:
    """Return whether training draws random numbers in a layer that is no coin, or in a layer inside it."""
    if not isinstance(layer, keras.layers.Layer) or is_coin(layer):
        return False
    inside = layer._flatten_layers(include_self=False, recursive=False)
    return _draws(layer) or any(random_in_training(inner) for inner in inside)


def _draws(layer: keras.layers.Layer) -> bool:
    """Return whether a layer has a generator of its own and a rate or deviation above 0, if it has any such."""
    strengths = [getattr(layer, name, None) for name in ("rate", "dropout", "recurrent_dropout", "stddev")]
    known = [strength for strength in strengths if isinstance(strength, int | float)]
    return bool(layer._seed_generators) and (not known or any(strength > 0 for strength in known))


def layer_that_draws(model: keras.layers.Layer, state: keras.Variable) -> keras.layers.Layer:
    """Return the layer whose generator has a state, or the model itself."""
    drawing = (one for one in model._flatten_layers() if any(g.state is state for g in one._seed_generators))
    return next(drawing, model)


def coin_states(model: keras.layers.Layer) -> list[keras.Variable]:
    """List the variables of a model's random state: those of its seed generators, in the order of its layers."""
    weights = {id(weight) for weight in model.weights}
    return [v for v in model.variables if id(v) not in weights and "seed" in v.path]
