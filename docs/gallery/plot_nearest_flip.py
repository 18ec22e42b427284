"""How many pixels to another answer?
==================================

Flip pixels of a black-and-white image until the network changes its mind. How many does it take? For a function that
is random at every string the first flip would do half of the time. Networks are simpler than that, even before
training, and there is a theory of how much simpler.
"""

# %%
# Even or odd?
# ------------
# Images are strings of 64 bits, -1 and 1. A network with two hidden ReLU layers learns whether a digit is odd; its
# output is one logit.

import keras
import numpy as np
from matplotlib import pyplot as plt

import zoo
from zoo import probes
from zoo.recipes.reporting.style import use_style

use_style()
keras.utils.set_random_seed(0)  # the order of the examples
train, _, test = zoo.data.load("digits")
bits = {
    name: probes.binarize(split.x, threshold=0.4 * train.x.max()).reshape(-1, 64)
    for name, split in (("train", train), ("test", test))
}


def network(seed: int) -> keras.Model:
    """A random network as wide as an image, before training."""
    return zoo.build("random_mlp", dim=64, width=64, depth=2, activation="relu", sigma_w=2**0.5, seed=seed)


model = network(seed=0)
model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True))
model.fit(bits["train"], train.y % 2, batch_size=32, epochs=20, verbose=0)
outputs = model.predict(bits["test"], verbose=0)[:, 0]
right = (outputs > 0) == (test.y % 2 == 1)
print(f"test accuracy of the trained network: {100 * right.mean():.1f} %")

# %%
# Distances
# ---------
# ``nearest_flip`` flips the most effective bit again and again until the class changes. For random networks and
# random strings theory expects a distance of sqrt(n / (2 pi ln n)).

strings = np.random.default_rng(0).choice([-1.0, 1.0], (len(bits["test"]), 64)).astype("float32")
distances = {
    "random networks, random strings": np.concatenate(
        [probes.nearest_flip(network(seed), strings[:36]) for seed in range(1, 11)]
    ),
    "trained network, random strings": probes.nearest_flip(model, strings),
    "trained network, test images": probes.nearest_flip(model, bits["test"]),
}
expected = float(probes.gaussian_process.expected_distance(64))
print(f"theory for random networks: {expected:.2f} bits")
for name, found in distances.items():
    print(f"{name:31} {found[found > 0].mean():.2f} bits on average")
wrong = distances["trained network, test images"][~right]
print(f"of the images that it gets wrong {wrong[wrong > 0].mean():.2f} bits")

# %%
# Seeing the flip
# ---------------
# The probe returns numbers of bits. To see them, we walk the same way by hand: always the bit that takes the output
# furthest towards the other side.


def flipped(string: np.ndarray) -> np.ndarray:
    """The string that the greedy walk ends at."""
    now, left = string.copy(), np.ones(64, bool)
    side = np.sign(model(now[None])[0, 0])
    while np.sign(model(now[None])[0, 0]) == side and left.any():
        candidates = np.where(np.eye(64, dtype=bool), -now, now)
        after = side * keras.ops.convert_to_numpy(model(candidates.astype("float32")))[:, 0]
        best = int(np.argmin(np.where(left, after, np.inf)))
        now[best], left[best] = -now[best], False
    return now


found = distances["trained network, test images"]
rows = [int(np.flatnonzero((test.y == digit) & right)[0]) for digit in (0, 1, 3, 4, 7, 8)]
walked = [flipped(bits["test"][row]) for row in rows]
print("bits by hand:", [int((one != bits["test"][row]).sum()) for row, one in zip(rows, walked, strict=True)])
print("by the probe:", found[rows].tolist())

figure = plt.figure(figsize=(6.6, 5.4))
above, below = figure.subfigures(2, 1, height_ratios=[1.2, 1])
axes = above.subplots()
for number, (name, one) in enumerate(distances.items()):
    look = {"histtype": "step", "linewidth": 2, "color": f"C{number}"}
    axes.hist(one[one > 0], np.arange(0.5, 13), density=True, **look, label=name)
axes.axvline(expected, color="C6", linestyle="--", label="theory for random networks")
axes.set(xlabel="bits to the nearest string of the other class", ylabel="share of strings")
axes.legend()
below.suptitle("test images above, and below what the network takes for the other class")
for column, (row, one) in enumerate(zip(rows, walked, strict=True)):
    if column == 0:
        grid = below.subplots(2, 6)
    for axes, string in zip(grid[:, column], (bits["test"][row], one), strict=True):
        axes.imshow(string.reshape(8, 8), cmap="gray_r", vmin=-1, vmax=2.5)
        axes.set(xticks=[], yticks=[], frame_on=False)
    changed = np.argwhere((one != bits["test"][row]).reshape(8, 8))
    grid[1, column].plot(changed[:, 1], changed[:, 0], "s", color="C1", markersize=5)
    grid[1, column].set_xlabel(f"{len(changed)} bits")
    grid[0, column].set_title("odd" if test.y[row] % 2 else "even")
plt.show()
