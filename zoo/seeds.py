"""One seed per model, one derived seed per layer."""

from collections.abc import Iterator

import numpy as np

from layers.arguments import optional_seed


def layer_seeds(seed: int | None) -> Iterator[int]:
    """Yield independent seeds in [0, 2**32) for a model's layers, in building order.

    The same `seed` yields the same sequence on every machine; None draws it from the system's entropy.

    Raises:
        ValueError: If `seed` is neither None nor an int in [0, 2**32).
    """
    sequence = np.random.SeedSequence(optional_seed("seed", seed))
    while True:
        yield int(sequence.spawn(1)[0].generate_state(1)[0])
