"""Do the probabilities keep what they promise?
============================================

A network that says "90 %" should be right nine times out of ten. A reliability diagram shows whether it is. Here we
compare a single flip of a coin-flipping network, the mean of many flips, and the shares of votes of the same flips,
on noisy digits.
"""

# %%
# Harder images
# -------------
# The pretrained network gets almost all clean test digits right, which leaves nothing to see. We add noise to the
# pixels, three draws of it, and keep the labels. Nobody trained the network for that.

import numpy as np
from matplotlib import pyplot as plt

import zoo
from zoo import scores
from zoo.recipes.reporting.style import use_style

use_style()
model = zoo.build("resnet20_cfnn", weights="digits", seed=0)
test = zoo.data.load("digits").test
span = test.x.max()
rng = np.random.default_rng(0)
noisy = np.concatenate([test.x + rng.normal(0, 0.2 * span, test.x.shape) for _ in range(3)]).clip(0, span)
labels = np.tile(test.y, 3)

# %%
# Three kinds of probabilities
# ----------------------------
# ``zoo.uncertainty`` draws the flips once. Its ``mean`` is the mean of the flips' softmax, its ``votes`` the share of
# the flips that chose each class. For one flip we ask for a single one.

one = zoo.uncertainty(model, noisy, samples=1, batch_size=360, seed=0).mean
many = zoo.uncertainty(model, noisy, samples=50, batch_size=360, seed=1)
kinds = {"one flip": one, "mean of 50": many.mean, "votes of 50": many.votes}
for name, probabilities in kinds.items():
    found = scores.accuracy(probabilities, labels)
    print(
        f"{name:12} accuracy {100 * found.accuracy:.1f} % ({100 * found.low:.1f} - {100 * found.high:.1f}), "
        f"Brier {scores.brier(probabilities, labels):.3f}, "
        f"calibration error {100 * scores.expected_calibration_error(probabilities, labels):.1f} %, "
        f"likelihood {scores.negative_log_likelihood(probabilities, labels, floor=1e-3):.3f} nats"
    )

# %%
# The diagrams
# ------------
# A dot is a bin of images with similar top probabilities, and its area is the number of images. Below the diagonal
# the network promises too much, above it too little. The last picture asks a practical question: if only the most
# confident answers are given, how many of them are wrong?

figure, all_axes = plt.subplots(2, 2, figsize=(7, 6.6))
for axes, (name, probabilities) in zip(all_axes.flat, kinds.items(), strict=False):
    scores.plot_reliability(scores.reliability(probabilities, labels), axes, name)
    curve = scores.risk_coverage(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    scores.plot_risk_coverage(curve, all_axes[1, 1], name)
plt.show()

# %%
# One flip is far too sure of itself. With many flips both kinds of probabilities are close to the diagonal: shares of
# votes are a little more honest, means have the better likelihood, because they also know of classes that won no
# flip.
