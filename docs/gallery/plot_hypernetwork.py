"""A hypernetwork against an embedding
===================================

A network gets an image and a rotated copy of it, and has to tell the angle. It can embed the image and read both at
once, or it can *make the weights* of a small network that reads the copy alone. We train both on scikit-learn's
digits, on the same pairs in the same order.
"""

# %%
# The task
# --------
# Every epoch turns each digit by a fresh angle. The classes are the 12 multiples of 30 degrees.

import keras
import numpy as np
from matplotlib import pyplot as plt
from scipy import ndimage

import zoo
from zoo.recipes.reporting.style import use_style

use_style()
CLASSES, EPOCHS = 12, 60
train, _, test = zoo.data.load("digits")
span = train.x.max()


def pairs(images: np.ndarray, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Turned copies and the images themselves, flat and in [-1, 1], and the classes of the angles."""
    classes = np.random.default_rng(seed).integers(0, CLASSES, len(images))
    turned = np.stack(
        [
            ndimage.rotate(one[..., 0], 360 / CLASSES * c, reshape=False, order=1)
            for one, c in zip(images, classes, strict=True)
        ]
    )
    return [part.reshape(len(images), -1) * (2 / span) - 1 for part in (turned, images[..., 0])], classes


# %%
# Two networks
# ------------
# Both networks that read the rotated copy have one hidden layer of 20 units. The embedding network looks at the image
# and hands over 550 numbers; the hypernetwork looks at the image and hands over all weights. Their sizes are chosen
# so that both networks have about as many parameters.

sizes = {"x_size": 64, "condition_size": 64, "outputs": CLASSES, "depth": 3, "hidden": (20,), "seed": 0}
models = {
    "embedding": zoo.build("mlp_embedding", **sizes, width=100, embedding_dim=550),
    "hypernetwork": zoo.build("mlp_hypernetwork", **sizes, width=50, init="fan_in"),
}
print({name: f"{model.count_params():,} parameters" for name, model in models.items()})

asked, answers = pairs(test.x, seed=10**6)
errors: dict[str, list[float]] = {name: [] for name in models}
for model in models.values():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3), loss)
for epoch in range(EPOCHS):
    copies, classes = pairs(train.x, seed=epoch)
    for name, model in models.items():
        model.fit(copies, classes, batch_size=64, shuffle=False, verbose=0)
        wrong = np.argmax(model(asked), axis=1) != answers
        errors[name].append(100 * float(wrong.mean()))
print({name: f"{curve[-1]:.1f} % wrong after {EPOCHS} epochs" for name, curve in errors.items()})

# %%
# What was learnt
# ---------------
# Left: the test error by epoch. Right: first-layer weights that the hypernetwork made for four images. One unit is a
# column: the same unit looks for another pattern in each copy, because it has been told what to expect.

theta = keras.Model(models["hypernetwork"].input, models["hypernetwork"].get_layer("theta_1").output)
shown = [int(np.argmax(test.y == digit)) for digit in (0, 1, 4, 7)]
kernels = np.asarray(theta([part[shown] for part in asked]))[:, : 64 * 20].reshape(4, 8, 8, 20)
busy = np.argsort(-kernels.std(axis=0).sum(axis=(0, 1)))[:4]

figure = plt.figure(figsize=(7.2, 3.9))
left, right = figure.subfigures(1, 2, width_ratios=[1.15, 1])
axes = left.subplots()
for name, curve in errors.items():
    axes.plot(range(1, EPOCHS + 1), curve, label=name)
axes.axhline(100 * (1 - 1 / CLASSES), color="C6", linestyle="--", label="guessing")
axes.set(xlabel="epoch", ylabel="test images with a wrong angle, %", ylim=(0, 100))
axes.legend(title="network", loc="upper right", bbox_to_anchor=(1, 0.9))
right.suptitle("image, and weights of four units for it")
for row, line in enumerate(right.subplots(4, 5)):
    line[0].imshow(test.x[shown[row], ..., 0], cmap="gray_r")
    for one, unit in zip(line[1:], busy, strict=True):
        most = np.abs(kernels[..., unit]).max()
        one.imshow(kernels[row, ..., unit], cmap="PuOr", vmin=-most, vmax=most)
    for one in line:
        one.set(xticks=[], yticks=[], frame_on=False)
plt.show()
