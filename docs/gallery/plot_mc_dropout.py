"""MC dropout on a network of keras.applications
=============================================

Any Keras model with a dropout layer can flip coins when it predicts. ``zoo.with_coins`` takes the model as it is,
keeps its weights, and lets its own dropout vote. Here the model is MobileNet, trained for a few seconds on small
digits.
"""

# %%
# A short training
# ----------------
# We take the narrowest MobileNet, with random weights, and train it from scratch on digits of 8x8 pixels, enlarged to
# 32x32. Its dropout lies right before the last layer. Its batch normalisation remembers hundreds of updates, more
# than we make; we let it forget faster. This is a demonstration and no benchmark: the training is far too short for
# the network.

import keras
import numpy as np
from matplotlib import pyplot as plt

import zoo
from zoo import scores
from zoo.recipes.reporting.style import use_style

use_style()
keras.utils.set_random_seed(0)
train, _, test = zoo.data.load("digits")


def enlarged(images: np.ndarray) -> np.ndarray:
    """Images of 32x32 pixels and three channels in [-1, 1], as MobileNet takes them."""
    return np.repeat(images.repeat(4, axis=1).repeat(4, axis=2), 3, axis=3) * (2 / train.x.max()) - 1


model = keras.applications.MobileNet(
    input_shape=(32, 32, 3), alpha=0.25, dropout=0.3, weights=None, classes=10, classifier_activation="softmax"
)
for layer in model.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.momentum = 0.9
model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(enlarged(train.x), train.y, batch_size=64, epochs=15, verbose=0)
print(f"training accuracy in the last epoch: {100 * history.history['accuracy'][-1]:.1f} %")

# %%
# Coins
# -----
# One line makes the model flip. What lies before its dropout, almost all of MobileNet, still runs once per image;
# further flips repeat only what is behind it.

coins = zoo.with_coins(model, samples=25, seed=0)
found = zoo.uncertainty(coins, enlarged(test.x), samples=200, batch_size=120, seed=0)
plain = model.predict(enlarged(test.x), verbose=0)
for name, probabilities in {"coins off": plain, "mean of 200 flips": found.mean}.items():
    one = scores.accuracy(probabilities, test.y)
    nats = scores.negative_log_likelihood(probabilities, test.y)
    print(
        f"{name:18} accuracy {100 * one.accuracy:.1f} % ({100 * one.low:.1f} - {100 * one.high:.1f}), {nats:.3f} nats"
    )
right = found.predicted == test.y
area = scores.auroc(found.entropy[right], found.entropy[~right])
print(f"wrong answers are told by their entropy with an AUROC of {area:.3f}")

# %%
# What the flips say
# ------------------
# Below are the eight test images with the highest entropy, which stands above them. Bars are the shares of 200 flips;
# the true class is dark.

chosen = np.argsort(-found.entropy)[:8]
figure, all_axes = plt.subplots(4, 4, figsize=(6.4, 5.4), height_ratios=[1.2, 1, 1.2, 1])
for place, row in enumerate(chosen):
    above = all_axes[2 * (place // 4), place % 4]
    below = all_axes[2 * (place // 4) + 1, place % 4]
    above.imshow(test.x[row, ..., 0], cmap="gray_r")
    above.set(xticks=[], yticks=[], frame_on=False, title=f"{found.entropy[row]:.2f} nats")
    colors = ["C0" if label == test.y[row] else "C5" for label in range(10)]
    below.bar(range(10), 100 * found.votes[row], color=colors)
    below.set(xticks=range(0, 10, 3), ylim=(0, 100))
    if place % 4 == 0:
        below.set_ylabel("votes, %")
for axes in all_axes[3]:
    axes.set_xlabel("class")
plt.show()
