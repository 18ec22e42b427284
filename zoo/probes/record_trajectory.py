"""RecordTrajectory: follow a curve's image through the layers during training."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.layers.arguments import boolean, one_of, positive_int
from zoo.probes.layer_outputs import Inputs
from zoo.probes.trajectory import trajectory_lengths
from zoo.probes.transitions import KINDS, transitions


class RecordTrajectory(keras.callbacks.Callback):
    """Measure the trajectory's length and the transitions in every layer while `fit` runs.

    Args:
        trajectory: Points `(points, ...)`; of a model with several inputs a list of arrays, and an array of one row
            stands still.
        layers: Names of layers; None for all layers with a kernel.
        kind: "sign", "saturation" or "linear_region", see `transitions`.
        period: Updates between measurements, or None for one after every epoch.
        networks: True for a population, whose layers have outputs `(points, networks, ...)`.

    Attributes:
        records: A dict per measurement, the first before training: `update` (the optimizer's count), `lengths` and
            `transitions`, which are dicts by layer. Another `fit` goes on with the list.

    Raises:
        ValueError: If an argument is out of range, or, when `fit` begins, if `transitions` refuses it.

    Reference: On the Expressive Power of Deep Neural Networks, section 3, Figs. 8, 9, 11.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones", name="sum")])
        >>> model.compile("sgd", "mse")
        >>> recorder = probes.RecordTrajectory(probes.line([0, 0], [3, 4], points=5))
        >>> history = model.fit(np.ones((4, 2)), np.ones(4), batch_size=2, callbacks=[recorder], verbose=0)
        >>> [record["update"] for record in recorder.records], recorder.records[0]["lengths"]
        ([0, 2], {'sum': 7.0})
    """

    def __init__(
        self,
        trajectory: Inputs,
        layers: Sequence[str] | None = None,
        kind: str = "sign",
        period: int | None = None,
        *,
        networks: bool = False,
    ) -> None:
        super().__init__()
        self._trajectory, self._layers = trajectory, layers
        self._kind = one_of("kind", kind, KINDS)
        self._period = None if period is None else positive_int("period", period)
        self._networks = boolean("networks", networks)
        self.records: list[dict[str, Any]] = []
        self._seen = 0

    def on_train_begin(self, logs=None) -> None:
        """Measure the model before training."""
        self._seen = self._updates()
        if not self.records or self.records[-1]["update"] != self._seen:
            self._record()

    def on_train_batch_end(self, batch, logs=None) -> None:
        """Measure when a multiple of `period` was reached or passed, because several steps may run at once."""
        if self._period is None:
            return
        before, self._seen = self._seen, self._updates()
        if before // self._period != self._seen // self._period:
            self._record()

    def on_epoch_end(self, epoch, logs=None) -> None:
        """Measure when no period was given."""
        if self._period is None:
            self._record()

    def _updates(self) -> int:
        return int(ops.convert_to_numpy(self.model.optimizer.iterations))

    def _record(self) -> None:
        options = {"layers": self._layers, "networks": self._networks}
        lengths = trajectory_lengths(self.model, self._trajectory, **options)
        changes = transitions(self.model, self._trajectory, kind=self._kind, **options)
        self.records.append({"update": self._updates(), "lengths": lengths, "transitions": changes})
