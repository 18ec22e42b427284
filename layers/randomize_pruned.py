"""RandomizePruned: the callback that turns edge-popup into IteRand."""

import keras
import numpy as np
from keras import ops

from zoo.layers.arguments import positive_int, probability
from zoo.layers.initializers import draw_at, with_seed
from zoo.layers.masks import topk_mask_numpy
from zoo.layers.score_masked import masked_layers, require_masked_layers
from zoo.layers.seeds import fresh_seed, heads, optional_seed


class RandomizePruned(keras.callbacks.Callback):
    """Redraw pruned weights from time to time, so that a network of fixed size tries many random weights.

    After updates `period`, `2 * period`, ..., every pruned weight of every score-masked layer is redrawn from its
    layer's kernel initializer with probability `rate`. Kept weights, scores, momentum and statistics do not change.

    The optimizer counts the updates, so that gradient accumulation and resumed runs are counted correctly. A redraw
    depends only on seed, layer and update: a run that was stopped and resumed continues identically, and repeating a
    redraw changes nothing. With `steps_per_execution` above 1 the redraws that fall inside an execution take place at
    its end; choose a `period` that is a multiple of it. Put the callback before those that save the model.

    Args:
        period: Positive int, updates between redraws (K_per).
        rate: Float in [0, 1], the probability that a pruned weight is redrawn (r); 0 is edge-popup.
        seed: None (drawn once; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32).

    Raises:
        ValueError: If an argument is out of range; when training begins, if the model has no score-masked layer.

    Reference: IteRand, Algorithm 3 and Equation 3.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), layers.ScoreMaskedDense(2, seed=0)])
        >>> model.compile("sgd", "mse")
        >>> before = model.get_weights()[1]  # scores, kernel
        >>> callback = layers.RandomizePruned(period=2, rate=1.0, seed=0)
        >>> history = model.fit(np.ones((8, 4)), np.ones((8, 2)), 4, verbose=0, callbacks=[callback])
        >>> int((model.get_weights()[1] != before).sum())  # half of the weights is pruned
        4
    """

    def __init__(self, period: int = 300, rate: float = 0.1, seed: int | None = None) -> None:
        super().__init__()
        self.period = positive_int("period", period)
        self.rate = probability("rate", rate)
        self.seed = fresh_seed(optional_seed("seed", seed))

    def on_train_begin(self, logs=None) -> None:
        """Read the update count. If the run was saved just before a redraw was due, redraw now."""
        require_masked_layers(self.model)
        self._updates = self._count()
        if self._updates and self._updates % self.period == 0:
            self._randomize(self._updates)
        self._wait()

    def on_epoch_begin(self, epoch, logs=None) -> None:
        """Restart the count of batches, which Keras numbers from 0 in every epoch."""
        self._last_batch = -1

    def on_train_batch_end(self, batch, logs=None) -> None:
        """Redraw after each multiple of `period`."""
        self._batches_left -= batch - self._last_batch
        self._last_batch = batch
        if self._batches_left > 0:
            return  # reading the count would make an accelerator wait
        before, self._updates = self._updates, self._count()
        for update in range((before // self.period + 1) * self.period, self._updates + 1, self.period):
            self._randomize(update)
        self._wait()

    def _count(self) -> int:
        return int(ops.convert_to_numpy(self.model.optimizer.iterations))

    def _wait(self) -> None:
        """Set the number of batches to let pass: a batch makes one update at most."""
        self._batches_left = self.period - self._updates % self.period

    def _randomize(self, update: int) -> None:
        for index, layer in enumerate(masked_layers(self.model)):  # through the model: on JAX that fetches its state
            key = (self.seed, index, update)
            scores, shape = ops.convert_to_numpy(layer.scores), tuple(layer.kernel.shape)
            chosen = heads(scores.size, self.rate, *key).reshape(shape)
            chosen &= ~topk_mask_numpy(scores, layer.sparsity, layer.score_transform)
            places = np.flatnonzero(chosen)
            initializer = with_seed(layer.kernel_initializer, int(np.random.SeedSequence(key).generate_state(1)[0]))
            # On torch this is the kernel's own memory; elsewhere a copy.
            kernel = np.require(ops.convert_to_numpy(layer.kernel), requirements=["C", "W"])
            kernel.reshape(-1)[places] = draw_at(places, initializer, shape, layer.kernel.dtype)
            layer.kernel.assign(kernel)
