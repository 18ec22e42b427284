"""CosinePerEpoch: a learning rate that is annealed by a cosine once per epoch."""

import math

import keras
from keras import ops

FINAL_LEARNING_RATE = 1e-5


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class CosinePerEpoch(keras.optimizers.schedules.LearningRateSchedule):
    """Constant within an epoch: a linear warm-up, half a cosine from `learning_rate` to 0, and a small final rate.

    Warm-up epoch i = 1, ..., w has `learning_rate * i / w`; epoch j = 0, 1, ... of the next E has
    `learning_rate * (1 + cos(pi * j / E)) / 2`; the final ones have 1e-5.

    Args:
        learning_rate: The peak, > 0.
        epochs: Int, all epochs.
        updates_per_epoch: Int >= 1.
        warmup_epochs: Int >= 0.
        final_epochs: Int >= 0.

    Reference: IteRand, appendix B.2.
    """

    def __init__(
        self,
        learning_rate: float,
        epochs: int,
        updates_per_epoch: int,
        warmup_epochs: int = 0,
        final_epochs: int = 0,
    ) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.epochs, self.updates_per_epoch = epochs, updates_per_epoch
        self.warmup_epochs, self.final_epochs = warmup_epochs, final_epochs

    def __call__(self, step):
        """The rate of the update after `step` others."""
        epoch = ops.cast(ops.floor_divide(ops.cast(step, "int32"), self.updates_per_epoch), "float32")
        annealed = self.epochs - self.warmup_epochs - self.final_epochs
        rising = self.learning_rate * (epoch + 1) / max(self.warmup_epochs, 1)
        falling = self.learning_rate * (1 + ops.cos((epoch - self.warmup_epochs) * (math.pi / annealed))) / 2
        rate = ops.where(epoch < self.warmup_epochs, rising, falling)
        return ops.where(epoch >= self.epochs - self.final_epochs, FINAL_LEARNING_RATE, rate)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {
            "learning_rate": self.learning_rate,
            "epochs": self.epochs,
            "updates_per_epoch": self.updates_per_epoch,
            "warmup_epochs": self.warmup_epochs,
            "final_epochs": self.final_epochs,
        }
