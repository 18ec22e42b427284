"""As many flips as an image needs
================================

Most images are decided by a handful of flips, and a few stay in doubt after hundreds. ``zoo.adaptive_vote`` flips
until each image is certain, and stops there. The error that you allow is kept however often it looks.
"""

# %%
# A pretrained network
# --------------------
# ``resnet20_cfnn`` is a small residual network whose dropout stays on when it predicts. Its weights for
# scikit-learn's digits come with the package.

import numpy as np
from matplotlib import pyplot as plt

import zoo
from zoo.recipes.reporting.style import use_style

use_style()
model = zoo.build("resnet20_cfnn", weights="digits", seed=0)
test = zoo.data.load("digits").test

# %%
# The vote
# --------
# With ``error=0.01`` a certified class differs from the winner of infinitely many flips with a probability of at most
# 1 %. That is a promise about the network's own vote; the network itself can be wrong. "Settled" are votes that the
# flips which are left could not have changed, "undecided" those that were still open after the last one.

found = zoo.adaptive_vote(model, test.x, error=0.01, max_samples=400, seed=0)
right = found.classes == test.y
for status in np.unique(found.status):
    some = found.status == status
    print(f"{status}: {some.sum()} of {len(some)} images, {100 * right[some].mean():.1f} % of them right")
print(f"flips per image: {found.samples.mean():.1f} on average, {np.median(found.samples):.0f} in the middle")
print(
    f"share of all flips that the costliest tenth of the images took: "
    f"{100 * np.sort(found.samples)[-len(test.y) // 10 :].sum() / found.samples.sum():.0f} %"
)

# %%
# Who needs many flips?
# ---------------------
# Above: how many images needed how many flips. Below: the images that needed most, and some that were certain at
# once. The two lines under an image are its class by the vote and its flips.

order = np.argsort(-found.samples, kind="stable")
rows = {"most flips": order[:8], "fewest flips": order[::-1][:8]}

figure = plt.figure(figsize=(6.4, 5.6))
histogram, *strips = figure.subfigures(3, 1, height_ratios=[2.2, 1, 1])
axes = histogram.subplots()
edges = np.unique(np.geomspace(found.samples.min(), 401, 24).round()) - 0.5
axes.hist([found.samples[right], found.samples[~right]], edges, stacked=True, label=["vote is right", "vote is wrong"])
axes.set(xscale="log", yscale="log", xlabel="flips of an image", ylabel="images")
axes.set_xticks([10, 20, 50, 100, 200, 400], [10, 20, 50, 100, 200, 400])
axes.minorticks_off()
axes.legend()
for strip, (name, chosen) in zip(strips, rows.items(), strict=True):
    strip.suptitle(name)
    for axes, row in zip(strip.subplots(1, 8), chosen, strict=True):
        axes.imshow(test.x[row, ..., 0], cmap="gray_r")
        said = str(found.classes[row]) if right[row] else f"{found.classes[row]}, not {test.y[row]}"
        axes.set_xlabel(f"{said}\n{found.samples[row]}", fontsize=9)
        axes.set(xticks=[], yticks=[], frame_on=False)
plt.show()
