"""Any shape, by cones at random places
=====================================

A classifier can be random and still be exact in the limit. The cone classifier picks a random place, looks up on
which side of a border that place lies, and answers for everything within reach of it. Beyond reach it tosses a fair
coin. Only the border's function is a network, and it never sees the data.
"""

# %%
# A shape of our own
# ------------------
# The shape is a fish, given by a function that is negative inside and positive outside. Body and tail are rhombuses:
# a weighted sum of absolute values, less a size. No weight is larger than 1, so that the function changes by at most
# 1 per unit of length in the L1 norm. That bound is all that the cones need to know.

import keras
import numpy as np
from keras import ops
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap

import zoo
from zoo.recipes.reporting.style import use_style

use_style()


def rhombus(points, centre: tuple[float, float], weights: tuple[float, float], size: float):
    """A function of slope 1 at most, negative inside of the rhombus."""
    return ops.abs(points - ops.array([centre])) @ ops.array(weights)[:, None] - size


points = keras.Input((2,))
body = rhombus(points, (-0.4, 0.0), (0.7, 1.0), 1.0)
tail = rhombus(points, (1.45, 0.0), (1.0, 0.7), 0.6)
fish = keras.Model(points, ops.minimum(body, tail))
model = zoo.build("cone_cfnn", dim=2, function=fish, lipschitz=1.0, spread=1.0, samples=1, seed=0)

# %%
# Flips of a map
# --------------
# We draw 5,001 flips at every point of a grid. Every point has places of its own, so that neighbours do not share
# their luck.

SIDE, RESOLUTION, NUMBERS = 2.2, 45, (1, 51, 501, 5001)
axis = np.linspace(-SIDE, SIDE, RESOLUTION)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype("float32")
flips = zoo.flips(model, grid, samples=NUMBERS[-1], batch_size=256, chunk=500, seed=1)

height = ops.convert_to_numpy(fish(grid))[:, 0]
votes = [(flips[:, :samples].mean(axis=1) > 0.5).astype(int) for samples in NUMBERS]
wrong = [100 * float((vote != (height > 0)).mean()) for vote in votes]
for samples, percent in zip(NUMBERS, wrong, strict=True):
    print(f"majority of {samples:5,}: {percent:.1f} % of the map is wrong")

# %%
# The map
# -------
# With one flip it is noise. With more of them the fish comes out of the noise, first where the function is far from
# zero. The border and the far corners come last: few random places have these points within reach.

figure, all_axes = plt.subplots(2, 2, figsize=(6, 6.2), sharex=True, sharey=True)
colors = ListedColormap(["C0", "#ece9df"])
for axes, vote, samples, percent in zip(all_axes.flat, votes, NUMBERS, wrong, strict=True):
    square = (RESOLUTION, RESOLUTION)
    axes.imshow(vote.reshape(square), origin="lower", extent=(-SIDE, SIDE, -SIDE, SIDE), cmap=colors, vmin=0, vmax=1)
    axes.contour(axis, axis, height.reshape(square), levels=[0], colors="C1", linewidths=1.5)
    axes.set_title(("one flip" if samples == 1 else f"{samples:,} flips") + f", {percent:.1f} % wrong")
    axes.grid(visible=False)
for axes in all_axes[:, 0]:
    axes.set_ylabel("$x_2$")
for axes in all_axes[1]:
    axes.set_xlabel("$x_1$")
plt.show()
