"""CoinLayer: a layer with a random generator, whose state its files keep and its copies share."""

import keras

from zoo.layers.arguments import boolean
from zoo.layers.seeds import optional_seed


class CoinLayer(keras.layers.Layer):
    """A layer without weights that draws random numbers, in training or also at inference.

    Args:
        flip_at_inference: Bool, whether coins are flipped at inference, too.
        seed: None (drawn from the system's entropy) or int in [0, 2**32).

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, flip_at_inference: bool, seed: int | None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.flip_at_inference = boolean("flip_at_inference", flip_at_inference)
        self.seed = optional_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def with_flip_at_inference(self, flip_at_inference: bool) -> "CoinLayer":
        """Return a copy with the given `flip_at_inference` that draws from this layer's random generator."""
        copy = type(self).from_config({**self.get_config(), "flip_at_inference": flip_at_inference})
        share(self, copy, "seed_generator")
        return copy

    def save_own_variables(self, store) -> None:
        """Save the state of the random generator, which Keras leaves out of every file."""
        store["seed_state"] = keras.ops.convert_to_numpy(self.seed_generator.state.value)

    def load_own_variables(self, store) -> None:
        """Restore the state of the random generator; a file without one leaves it unchanged."""
        if "seed_state" in store.keys():  # noqa: SIM118 -- Keras's store has keys() but no `in`
            self.seed_generator.state.assign(store["seed_state"])

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "flip_at_inference": self.flip_at_inference, "seed": self.seed}


def drawn_in(dtype: str) -> str:
    """Dtype to draw in before casting to `dtype`: a uniform number drawn in bfloat16 has only 128 values."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def share(layer, copy, attribute: str) -> None:
    """Make `copy` use the same generator or sublayer as `layer`, and drop the one it made."""
    copy._tracker.untrack(getattr(copy, attribute))
    setattr(copy, attribute, getattr(layer, attribute))


def is_coin(layer: keras.layers.Layer) -> bool:
    """Return whether a layer can flip coins: it has `flip_at_inference` and `with_flip_at_inference`."""
    return hasattr(layer, "flip_at_inference")


def flips_coins(layer) -> bool:
    """Return whether a layer flips coins at inference."""
    return is_coin(layer) and layer.flip_at_inference


def coin_states(model: keras.Model) -> list[keras.Variable]:
    """List the variables of a model's random state: those of its seed generators, in the order of its layers."""
    weights = {id(weight) for weight in model.weights}
    return [v for v in model.variables if id(v) not in weights and "seed" in v.path]
