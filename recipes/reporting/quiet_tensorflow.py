"""quiet_tensorflow: no warning that functions are compiled again, where every run has another model."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Show nothing below an error of what TensorFlow logs by Python within a block."""
    log = logging.getLogger("tensorflow")
    level = log.level
    log.setLevel("ERROR")
    try:
        yield
    finally:
        log.setLevel(level)
