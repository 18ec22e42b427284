"""Doubt, pixel by pixel
=====================

A segmentation network with coins votes on every pixel. Its doubt is then a picture, too: it lies along the borders,
and on things that the network has never seen. Here it has learnt discs and squares, and meets a triangle and a ring.
"""

# %%
# Synthetic scenes
# ----------------
# Scenes have 48x48 grey pixels with noise, and three classes: background, disc and square.

import keras
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap

import zoo
from zoo.recipes.reporting.style import use_style

use_style()
keras.utils.set_random_seed(0)
SIZE, NAMES = 48, ("background", "disc", "square")
down, right = np.mgrid[:SIZE, :SIZE]


def covered(kind: str, row: float, column: float, size: float) -> np.ndarray:
    """Pixels that a thing of that kind covers."""
    far = np.hypot(down - row, right - column)
    if kind == "disc":
        return far < size
    if kind == "square":
        return np.maximum(abs(down - row), abs(right - column)) < 0.9 * size
    if kind == "ring":
        return (far < size) & (far > 0.55 * size)
    return (down - row < 0.7 * size) & (down - row > 1.8 * abs(right - column) - size)  # triangle


def scene(rng: np.random.Generator, kinds: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """A noisy scene with these things, and the class of each pixel; a thing of no class counts as background."""
    image, labels = np.full((SIZE, SIZE), 0.2), np.zeros((SIZE, SIZE), int)
    for kind in kinds:
        where = covered(kind, *rng.uniform(10, SIZE - 10, 2), rng.uniform(6, 11))
        image[where] = rng.uniform(0.5, 0.9)
        labels[where] = NAMES.index(kind) if kind in NAMES else 0
    return (image + rng.normal(0, 0.12, image.shape))[..., None].astype("float32"), labels


rng = np.random.default_rng(0)
drawn = [scene(rng, list(rng.choice(["disc", "square"], 3))) for _ in range(500)]
x, y = (np.stack(part) for part in zip(*drawn, strict=True))

# %%
# A small network
# ---------------
# It looks at the scene at two resolutions. Its coins are a spatial dropout, which leaves out whole channels.

inputs = keras.Input((SIZE, SIZE, 1))
layers = keras.layers
fine = layers.Conv2D(8, 5, padding="same", activation="relu")(inputs)
coarse = layers.Conv2D(16, 3, padding="same", activation="relu", strides=2)(fine)
coarse = layers.Conv2D(24, 5, padding="same", activation="relu", strides=2)(coarse)
coarse = layers.Conv2D(24, 5, padding="same", activation="relu")(coarse)
coarse = layers.SpatialDropout2D(0.2)(coarse)
coarse = layers.UpSampling2D(4, interpolation="bilinear")(coarse)
both = layers.Concatenate()([fine, coarse])
both = layers.Conv2D(16, 3, padding="same", activation="relu")(both)
model = keras.Model(inputs, layers.Conv2D(len(NAMES), 1, activation="softmax")(both))
model.compile(
    keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, 500 // 10 * 25)),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(x, y, batch_size=10, epochs=25, verbose=0)

# %%
# Scenes with strangers
# ---------------------
# ``zoo.with_coins`` sees that the model ends in a softmax over the last axis, and votes on every pixel.

coins = zoo.with_coins(model, samples=25, seed=0)
rng = np.random.default_rng(3)
asked = [["disc", "square", "disc"], ["square", "triangle", "disc"], ["ring", "square", "triangle"]]
shown, labels = (np.stack(part) for part in zip(*(scene(rng, kinds) for kinds in asked), strict=True))
found = zoo.uncertainty(coins, shown, samples=100, seed=0)
wrong = found.predicted != labels
print(f"pixels in agreement with the truth: {100 * (~wrong).mean():.1f} %")
for name, where in {"right": ~wrong, "wrong": wrong}.items():
    print(f"entropy of pixels that are {name}: {found.entropy[where].mean():.3f} nats")

# %%
# Below are scene, majority of 100 flips, and two kinds of doubt. Entropy lies along borders, where things overlap,
# and on the strangers, for which the network has no right answer: it has to make discs and squares of them. Mutual
# information is the part of the entropy that comes from the coins.

figure, all_axes = plt.subplots(3, 4, figsize=(6.6, 5.4))
parts = {
    "scene": shown[..., 0],
    "majority": found.predicted,
    "entropy": found.entropy,
    "mutual information": found.mutual_information,
}
looks = [
    {"cmap": "gray", "vmin": 0, "vmax": 1},
    {"cmap": ListedColormap(["#f4f4f0", "C0", "C1"]), "vmin": 0, "vmax": 2},
]
looks += [{"cmap": "magma", "vmin": 0, "vmax": 0.8}, {"cmap": "magma", "vmin": 0, "vmax": 0.25}]
for column, ((name, pictures), look) in enumerate(zip(parts.items(), looks, strict=True)):
    for axes, picture in zip(all_axes[:, column], pictures, strict=True):
        image = axes.imshow(picture, **look)
        axes.set(xticks=[], yticks=[], frame_on=False)
        axes.grid(visible=False)
    all_axes[0, column].set_title(name)
    bar = figure.colorbar(image, ax=all_axes[:, column], orientation="horizontal", fraction=0.05)
    if name == "majority":
        bar.set_ticks([1 / 3, 1, 5 / 3], labels=["none", "disc", "square"])
    else:
        bar.set_label("brightness" if name == "scene" else "nats")
plt.show()
