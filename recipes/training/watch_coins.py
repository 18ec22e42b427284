"""WatchCoins: says during a training that its coins have died, and not hours later."""

import sys

import keras
import numpy as np

from zoo.amplification.accuracy import flips

_IMAGES = 16
_FIRST = 4  # epochs; then after 8, 16, 32, ...


def equal_but_for_rounding(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether outputs of flips, of shapes that broadcast, are equal, as those of dead coins are."""
    return np.allclose(one, other, rtol=1e-4, atol=1e-6)


class WatchCoins(keras.callbacks.Callback):
    """Compare two flips of a few images after 4, 8, 16, ... epochs, and warn on stderr once they are equal.

    Generators of weights may die: their ReLUs have no gradient any more, and every draw is the same classifier. The
    accuracy does not show it. What the training draws does not change.

    Args:
        images: Images `(n, h, w, c)`; the first 16 are flipped.
    """

    def __init__(self, images) -> None:
        super().__init__()
        self._images, self._warned = images[: min(_IMAGES, len(images))], False

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Warn if the coins have died."""
        done = epoch + 1
        if self._warned or done < _FIRST or done & (done - 1):
            return
        one, other = np.asarray(flips(self.model, self._images, 2, outputs="logits", seed=0)).swapaxes(0, 1)
        if equal_but_for_rounding(one, other):
            self._warned = True
            print(
                f"warning: after {done} epochs the coins are dead: two flips of {len(self._images)} images are equal. "
                "A smaller weight decay or learning rate, or a longer warm-up, may keep them alive.",
                file=sys.stderr,
                flush=True,
            )
