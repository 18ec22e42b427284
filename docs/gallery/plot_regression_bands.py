"""A regression with bands
=======================

A regression that flips coins gives a band in place of a line. Where there are data, the flips agree; where there are
none, they part. Here a network with dropout learns a curve of one variable, from data with a hole in them.
"""

# %%
# Data with a hole
# ----------------

import keras
import numpy as np
from matplotlib import pyplot as plt

import zoo
from zoo.recipes.reporting.style import use_style

use_style()
keras.utils.set_random_seed(0)
NOISE = 0.1
rng = np.random.default_rng(0)


def truth(x: np.ndarray) -> np.ndarray:
    """The curve to learn."""
    return np.sin(2.5 * x) + 0.5 * x


x = np.concatenate([rng.uniform(-2, -0.6, 750), rng.uniform(0.7, 2, 750)])[:, None]
y = truth(x) + rng.normal(0, NOISE, x.shape)

# %%
# An ordinary network
# -------------------
# Two hidden layers of sines with dropout behind each, mean squared error, Adam: nothing here knows of coins yet.

model = keras.Sequential([keras.Input((1,))])
for _ in range(2):
    model.add(
        keras.layers.Dense(128, activation=keras.ops.sin, bias_initializer=keras.initializers.RandomUniform(-1, 1))
    )
    model.add(keras.layers.Dropout(0.1))
model.add(keras.layers.Dense(1))
model.compile(keras.optimizers.Adam(2e-3), "mse")
model.fit(x, y, batch_size=50, epochs=40, verbose=0)

# %%
# Bands
# -----
# An output without softmax or sigmoid is a number, of which ``zoo.with_coins`` takes the mean. ``zoo.uncertainty``
# has the quantiles of the flips, and their standard deviation.

coins = zoo.with_coins(model, samples=100, seed=0)
grid = np.linspace(-3, 3, 241)[:, None]
found = zoo.uncertainty(coins, grid, samples=1000, quantiles=(0.05, 0.25, 0.75, 0.95), seed=0)
low, lower, upper, high = found.quantiles[:, :, 0]
inside = (low <= truth(grid)[:, 0]) & (truth(grid)[:, 0] <= high)
parts = {
    "where there are data": ((grid > -2) & (grid < -0.6)) | ((grid > 0.7) & (grid < 2)),
    "in the hole": (grid > -0.6) & (grid < 0.7),
    "outside": np.abs(grid) > 2,
}
for name, where in parts.items():
    rows = where[:, 0]
    print(
        f"{name:21} standard deviation of the flips {found.standard_deviation[rows].mean():.3f}, "
        f"band of 90 % holds the true curve at {100 * inside[rows].mean():.0f} % of the places"
    )

# %%
# The picture
# -----------

figure, axes = plt.subplots(figsize=(6.4, 4))
axes.fill_between(grid[:, 0], low, high, color="C0", alpha=0.2, linewidth=0, label="90 % of the flips")
axes.fill_between(grid[:, 0], lower, upper, color="C0", alpha=0.35, linewidth=0, label="50 % of the flips")
axes.plot(grid, found.mean, color="C0", label="mean of 1,000 flips")
axes.plot(grid, truth(grid), color="C1", linestyle="--", label="true curve")
axes.plot(x[::5], y[::5], ".", color="C6", markersize=3, label="a fifth of the data")
axes.set(xlabel="x", ylabel="y", ylim=(-3.5, 4.5), xlim=(-3, 3))
axes.legend(ncols=2, loc="upper center", fontsize=8)
plt.show()

# %%
# The band is the network's own doubt about its function; it does not contain the noise of the data. Its width follows
# from the rate of the dropout, and nothing guarantees that it holds the truth: read the shares above before you trust
# such a band.
