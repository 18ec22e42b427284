"""What tests of whole models share."""

import keras
import pytest


@pytest.fixture(scope="module")
def fast_compile():
    """For modules that compile whole ResNets: XLA's optimisations take minutes there and change no law."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
