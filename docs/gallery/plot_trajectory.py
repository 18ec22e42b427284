"""How a circle crumples in a deep random network
==============================================

Send a circle through a network, and look at it after every layer. In a random network with large weights it becomes
longer and more crumpled with each layer, exponentially so. That growth measures how complicated the functions of deep
networks can be.
"""

# %%
# A circle and a network
# ----------------------
# The circle goes through two random inputs and their opposites, in four quarters. ``random_mlp`` has normal weights
# of variance sigma_w^2 / fan_in and a hard tanh, which clips to [-1, 1].

from itertools import pairwise

import keras
import numpy as np
from matplotlib import pyplot as plt

import zoo
from zoo import probes
from zoo.recipes.reporting.style import graded, use_style

use_style()
WIDTH, DEPTH = 64, 10
rng = np.random.default_rng(0)
ends, _ = np.linalg.qr(rng.normal(size=(WIDTH, 2)))  # two orthogonal directions
x0, x1 = np.sqrt(WIDTH) * ends.T
corners = [x0, x1, -x0, -x1, x0]
curve = np.concatenate([probes.great_circle(a, b, points=5000) for a, b in pairwise(corners)])

# %%
# Lengths
# -------
# ``trajectory_lengths`` measures the curve's image in every layer of any Keras model; here of 20 networks at once,
# for four sizes of weights. ``length_growth`` has bounds on the mean growth from layer to layer. A crumpled curve
# needs many points: between two of them it is taken for straight, and comes out too short.

sigmas = [1.0, 2.0, 3.0, 4.0]
hidden = [f"hidden_{number}" for number in range(1, DEPTH + 1)]
lengths = {}
for sigma in sigmas:
    networks = zoo.build("random_mlp", dim=WIDTH, width=WIDTH, depth=DEPTH, sigma_w=sigma, networks=20, seed=0)
    found = probes.trajectory_lengths(networks, curve, hidden, networks=True)
    lengths[sigma] = np.stack([found[name] for name in hidden])
    growth = np.mean(lengths[sigma][-1] / lengths[sigma][4]) ** (1 / (DEPTH - 5))
    bounds = probes.length_growth(WIDTH, sigma_w=sigma)
    print(f"sigma_w = {sigma:g}: growth per layer {growth:.2f}, bounds {bounds.lower:.2f} and {bounds.upper:.2f}")

# %%
# The picture
# -----------
# Above: the length by layer, one line per size of the weights, and the spread of 20 networks. Below: the same curve
# in one of the networks with sigma_w = 3, seen from where it is widest (its two main directions in that layer).
# Colour runs along the curve.

network = zoo.build("random_mlp", dim=WIDTH, width=WIDTH, depth=DEPTH, sigma_w=3.0, seed=1)
shown = [1, 2, 3, 4, 6, 8]
outputs = keras.Model(network.input, [network.get_layer(f"hidden_{number}").output for number in shown])
images = [keras.ops.convert_to_numpy(image) for image in outputs(curve.astype("float32"))]

figure = plt.figure(figsize=(6.6, 7))
above, below = figure.subfigures(2, 1, height_ratios=[1, 1.15])
axes = above.subplots()
for sigma, color in zip(sigmas, graded(len(sigmas)), strict=True):
    layers = range(1, DEPTH + 1)
    axes.plot(layers, lengths[sigma].mean(axis=1), marker="o", markersize=4, color=color, label=f"{sigma:g}")
    axes.fill_between(
        layers, lengths[sigma].min(axis=1), lengths[sigma].max(axis=1), color=color, alpha=0.2, linewidth=0
    )
axes.set(yscale="log", xlabel="hidden layer", ylabel="length of the curve's image")
axes.legend(title=r"$\sigma_w$", loc="upper left")
for axes, number, image in zip(below.subplots(2, 3).flat, shown, images, strict=True):
    centred = image - image.mean(axis=0)
    flat = centred @ np.linalg.svd(centred[::20], full_matrices=False)[2][:2].T
    axes.scatter(*flat.T, c=np.arange(len(flat)), s=0.3, cmap="viridis", rasterized=True)
    axes.set(title=f"layer {number}", xticks=[], yticks=[], frame_on=False)
    axes.set_aspect("equal")
plt.show()
