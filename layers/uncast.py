"""uncast: variables in their own dtype, while a layer of mixed precision is being called."""

from collections.abc import Iterator
from contextlib import contextmanager

_SCOPE = "autocast_scope"


@contextmanager
def uncast() -> Iterator[None]:
    """Let variables give their own values and dtypes: inside a call of 16 bits Keras rounds all that are read."""
    from keras.src.backend.common import global_state  # its AutocastScope(None) would take all for float32

    before = global_state.get_global_attribute(_SCOPE)
    global_state.set_global_attribute(_SCOPE, None)
    try:
        yield
    finally:
        global_state.set_global_attribute(_SCOPE, before)
