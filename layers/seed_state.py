"""The state of a layer's random generator: in its saved files, of which Keras leaves it out, and in its copies."""

import keras


def save_seed_state(layer: keras.layers.Layer, store) -> None:
    """Put the state of `layer.seed_generator` into the layer's store."""
    store["seed_state"] = keras.ops.convert_to_numpy(layer.seed_generator.state.value)


def load_seed_state(layer: keras.layers.Layer, store) -> None:
    """Take it back; a file without one (weights alone) leaves it as it is."""
    if "seed_state" in store.keys():  # noqa: SIM118 -- Keras's store has keys() but no `in`
        layer.seed_generator.state.assign(store["seed_state"])


def with_flip_at_inference(layer, flip_at_inference: bool):
    """A copy of a layer without weights that draws from the layer's own generator."""
    copy = type(layer).from_config({**layer.get_config(), "flip_at_inference": flip_at_inference})
    share(layer, copy, "seed_generator")
    return copy


def share(layer, copy, attribute: str) -> None:
    """Give a copy of a layer what the layer has, generator or sublayer; its own is forgotten."""
    copy._tracker.untrack(getattr(copy, attribute))
    setattr(copy, attribute, getattr(layer, attribute))
