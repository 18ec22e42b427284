"""CosinePerEpoch: a learning rate that is annealed by a cosine once per epoch."""

import math

import keras
from keras import ops

FINAL_LEARNING_RATE = 1e-5


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class CosinePerEpoch(keras.optimizers.schedules.LearningRateSchedule):
    """Constant within an epoch: half a cosine from `learning_rate` to 0, then a small final rate.

    Epoch j = 0, 1, ... of the first E has `learning_rate * (1 + cos(pi * j / E)) / 2`; the final ones have 1e-5.

    Args:
        learning_rate: The peak, > 0.
        epochs: Number of all epochs, E and the final ones; a fraction of one is allowed.
        updates_per_epoch: Int >= 1.
        final_epochs: Int >= 0.

    Reference: IteRand, appendix B.2.
    """

    def __init__(
        self,
        learning_rate: float,
        epochs: float,
        updates_per_epoch: int,
        final_epochs: int = 0,
    ) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.epochs, self.updates_per_epoch = epochs, updates_per_epoch
        self.final_epochs = final_epochs

    def __call__(self, step):
        """The rate of the update after `step` others."""
        epoch = ops.cast(ops.floor_divide(ops.cast(step, "int32"), self.updates_per_epoch), "float32")
        annealed = self.epochs - self.final_epochs
        falling = self.learning_rate * (1 + ops.cos(epoch * (math.pi / annealed))) / 2
        return ops.where(epoch >= annealed, FINAL_LEARNING_RATE, falling)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {
            "learning_rate": self.learning_rate,
            "epochs": self.epochs,
            "updates_per_epoch": self.updates_per_epoch,
            "final_epochs": self.final_epochs,
        }
