"""LinearWarmup: a learning rate that grows from 0 before another schedule begins."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class LinearWarmup(keras.optimizers.schedules.LearningRateSchedule):
    """Grow the learning rate linearly from 0 for `steps` updates, then follow `schedule` from its beginning.

    Update i = 0, ..., steps - 1 has the rate `schedule(0) * i / steps`, update `steps + j` has `schedule(j)`.

    Args:
        schedule: The schedule that follows, or a constant learning rate > 0.
        steps: Int >= 1, updates of the warm-up.

    Example:
        >>> float(LinearWarmup(0.1, 4)(1))
        0.025
    """

    def __init__(self, schedule: Any, steps: int) -> None:
        super().__init__()
        self.schedule, self.steps = schedule, steps

    def __call__(self, step):
        """The rate of the update after `step` others."""
        step = ops.cast(step, "float32")
        rising = self._rate(ops.zeros_like(step)) * step / self.steps
        return ops.where(step < self.steps, rising, self._rate(ops.maximum(step - self.steps, 0.0)))

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "steps": self.steps}

    @classmethod
    def from_config(cls, config: dict) -> "LinearWarmup":
        """The schedule of such a config."""
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["steps"])

    def _rate(self, step):
        return self.schedule(step) if callable(self.schedule) else ops.cast(self.schedule, "float32")
