"""A mask that learns while its weights are redrawn
================================================

A network can be trained without training a single weight: its weights stay random, and a mask that is learnt decides
which of them count. IteRand redraws some of the pruned weights now and then, so that the mask has more to choose
from. Here is the mask at work.
"""

# %%
# A masked network
# ----------------
# Each of 32 hidden units sees the 8x8 pixels of a digit through weights of plus or minus one constant, half of which
# are pruned. Only the scores behind the masks are trained.

from itertools import pairwise

import keras
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.animation import FuncAnimation
from matplotlib.colors import ListedColormap

import zoo
from zoo.layers import RandomizePruned, ScoreMaskedDense
from zoo.recipes.reporting.style import use_style

use_style()
keras.utils.set_random_seed(0)  # the order of the examples
train, _, test = zoo.data.load("digits")
half = train.x.max() / 2
sc = "signed_kaiming_constant"
hidden = ScoreMaskedDense(32, kernel_initializer=sc, sparsity=0.5, seed=1)
model = keras.Sequential(
    [
        keras.Input(test.x.shape[1:]),
        keras.layers.Rescaling(1 / half, -1.0),
        keras.layers.Flatten(),
        hidden,
        keras.layers.ReLU(),
        ScoreMaskedDense(10, kernel_initializer=sc, sparsity=0.5, seed=2),
    ]
)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"])

# %%
# Snapshots
# ---------
# ``RandomizePruned`` redraws a tenth of the pruned weights every 21 updates, which is once per epoch here. After
# every epoch we keep the signs of the kernel, the mask, and the accuracy.

epochs, kernels, masks, accuracies = 40, [], [], []


def keep(epoch: int = -1, logs: dict | None = None) -> None:
    """Keep kernel, mask and test accuracy."""
    kernels.append(np.sign(keras.ops.convert_to_numpy(hidden.kernel)))
    masks.append(keras.ops.convert_to_numpy(hidden.mask()) > 0)
    accuracies.append(100 * model.evaluate(test.x, test.y, verbose=0, return_dict=True)["accuracy"])


keep()
snapshots = keras.callbacks.LambdaCallback(on_epoch_end=keep)
redraw = RandomizePruned(period=21, rate=0.1, seed=0)
model.fit(train.x, train.y, batch_size=64, epochs=epochs, verbose=0, callbacks=[redraw, snapshots])
print(f"test accuracy before training {accuracies[0]:.1f} %, after {epochs} epochs {accuracies[-1]:.1f} %")

moved = [100 * (a != b).mean() for a, b in pairwise(masks)]
print(f"mask bits that change in an epoch: {moved[0]:.1f} % at first, {moved[-1]:.1f} % in the end")
redrawn = 100 * (kernels[0] != kernels[-1])[~masks[-1]].mean()
print(f"pruned weights whose sign differs from the first draw: {redrawn:.1f} %")

# %%
# The film
# --------
# Each square is a unit's 8x8 weights: blue and orange are weights that count, of either sign; white is pruned.


def tiled(index: int) -> np.ndarray:
    """Signs of all weights that count, 16 units as squares with a border."""
    signs = np.where(masks[index], kernels[index], 0).reshape(8, 8, 32)[..., :16]
    squares = np.pad(signs, ((0, 1), (0, 1), (0, 0)), constant_values=np.nan)
    return squares.reshape(9, 9, 2, 8).transpose(2, 0, 3, 1).reshape(18, 72)[:-1, :-1]


colors = ListedColormap(["C1", "white", "C0"]).with_extremes(bad="#b9b9b2")
film, (axes, below) = plt.subplots(2, 1, figsize=(6.4, 4), height_ratios=[1, 1.1], dpi=80)
picture = axes.imshow(tiled(0), cmap=colors, vmin=-1, vmax=1)
axes.axis("off")
(line,) = below.plot([], [], color="C0")
below.set(xlim=(0, epochs), ylim=(0, 100), xlabel="epoch", ylabel="test accuracy, %")


def draw(index: int) -> list:
    """Draw one frame."""
    picture.set_data(tiled(index))
    axes.set_title(f"16 of 32 units after {index} epochs")
    line.set_data(range(index + 1), accuracies[: index + 1])
    return [picture, line]


film_of_masks = FuncAnimation(film, draw, frames=epochs + 1, interval=200)
plt.show()

# %%
# What came of it
# ---------------
# The still compares beginning and end, and counts the bits of the mask that change in each epoch.

# sphinx_gallery_thumbnail_number = 2
figure, all_axes = plt.subplots(3, 1, figsize=(6.4, 5.4), height_ratios=[1, 1, 1.1])
for axes, index in zip(all_axes, (0, epochs), strict=False):
    axes.imshow(tiled(index), cmap=colors, vmin=-1, vmax=1)
    axes.set_title(f"after {index} epochs")
    axes.axis("off")
all_axes[2].plot(range(1, epochs + 1), moved, label="mask bits that change")
all_axes[2].set(xlabel="epoch", ylabel="mask bits that change, %", ylim=(0, None), xlim=(0, epochs))
plt.show()
