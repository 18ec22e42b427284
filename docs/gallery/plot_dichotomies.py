"""Turning one layer, and all that the network can say
===================================================

Take a deep random network, turn the weights of one layer through a full circle, and write down how the network labels
a few inputs on the way. The lower the layer, the more labelings it reaches: what has many layers above it decides
most. That is why the first layers matter more than their number of weights suggests.
"""

# %%
# A sweep
# -------
# ``probes.labelings`` replaces the kernel W of a layer by cos(t) W + sin(t) V, with a random V of the same size, and
# yields the sign of the output for every input. We sweep the first, the middle and the last hidden layer of the same
# network.

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap

import zoo
from zoo import probes
from zoo.recipes.reporting.style import use_style

use_style()
INPUTS, DEPTH, POINTS = 15, 8, 4000
inputs = np.random.default_rng(0).normal(size=(INPUTS, 64)).astype("float32")
options = {"dim": 64, "width": 64, "depth": DEPTH, "sigma_w": 8**0.5}
network = zoo.build("random_mlp", **options, seed=0)
swept = {}
for number in (8, 4, 1):
    pieces = probes.labelings(network, inputs, f"hidden_{number}", POINTS, seed=0, batch_size=4096)
    swept[number] = np.concatenate(list(pieces))
    print(f"hidden layer {number}: {len(np.unique(swept[number], axis=0)):,} different labelings of {2**INPUTS:,}")

# %%
# Counts
# ------
# One network is an anecdote. ``probes.dichotomies`` counts for twelve networks at once, for every layer.

population = zoo.build("random_mlp", **options, networks=12, seed=1)
counts = {
    number: probes.dichotomies(population, inputs, f"hidden_{number}", POINTS, seed=0, networks=True, batch_size=4096)
    for number in range(1, DEPTH + 1)
}
for number, found in counts.items():
    print(f"hidden layer {number}: {found.min():,} to {found.max():,}, {found.mean():,.0f} on average")

# %%
# The picture
# -----------
# Above: a column is a moment of the sweep and a row is an input, blue where the network says yes. Turning the last
# layer changes a label now and then; turning the first one makes the labels flicker. Below: the counts, which cannot
# exceed the number of moments.

figure = plt.figure(figsize=(6.6, 7))
above, below = figure.subfigures(2, 1, height_ratios=[1.5, 1])
colors = ListedColormap(["#ece9df", "C0"])
for axes, (number, labels) in zip(above.subplots(3, 1, sharex=True), swept.items(), strict=True):
    axes.imshow(labels.T, aspect="auto", cmap=colors, extent=(0, 360, INPUTS + 0.5, 0.5))
    axes.set(title=f"sweeping hidden layer {number} of {DEPTH}", ylabel="input", yticks=[1, 8, 15])
    axes.grid(visible=False)
axes.set(xlabel="angle of the sweep, degrees", xticks=range(0, 361, 90))
axes = below.subplots()
numbers = list(counts)
mean = [found.mean() for found in counts.values()]
axes.fill_between(
    numbers, [found.min() for found in counts.values()], [found.max() for found in counts.values()], alpha=0.2
)
axes.plot(numbers, mean, "o-", label="mean of 12 networks")
axes.axhline(POINTS, color="C6", linestyle="--", label="moments of the sweep")
axes.set(yscale="log", xlabel="hidden layer that is swept", ylabel="different labelings")
axes.legend()
plt.show()
