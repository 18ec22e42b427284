"""The state of a layer's random generator in its saved files: Keras leaves it out of all of them."""

import keras


def save_seed_state(layer: keras.layers.Layer, store) -> None:
    """Put the state of `layer.seed_generator` into the layer's store."""
    store["seed_state"] = keras.ops.convert_to_numpy(layer.seed_generator.state.value)


def load_seed_state(layer: keras.layers.Layer, store) -> None:
    """Take it back; a file without one (weights alone) leaves it as it is."""
    if "seed_state" in store.keys():  # noqa: SIM118 -- Keras's store has keys() but no `in`
        layer.seed_generator.state.assign(store["seed_state"])
