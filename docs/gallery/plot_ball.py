"""A ball in 1,000 dimensions, by two neurons
===========================================

Is a point inside or outside of a ball? A deterministic network with one hidden layer needs more and more neurons as
the number of dimensions grows. A network that flips coins needs two, in any number of dimensions, and no training:
each flip is a bad classifier, but a majority of many flips is a good one.
"""

# %%
# The classifier
# --------------
# ``ball_cfnn`` draws a random direction for every flip and asks whether the point lies far out in that direction. A
# second coin says "outside" whatever the point is. The two coins are balanced so that a point on the sphere is called
# outside by half of the flips. Everything else follows from that balance.

import numpy as np
from matplotlib import pyplot as plt

import zoo
from zoo.recipes.reporting.style import use_style

use_style()
DIM, RADIUS, ALPHA = 1000, 1.0, 0.75

model = zoo.build("ball_cfnn", dim=DIM, radius=RADIUS, alpha=ALPHA, samples=1001, seed=0)
print(zoo.complexity(model))  # neurons behind the data, and behind the coins
print("trainable weights:", len(model.trainable_weights))

# %%
# One flip against its law
# ------------------------
# We take points of 24 norms in random directions, 100 of each, and draw 1,001 flips of every point. ``zoo.flips``
# returns the class of each flip, 0 inside and 1 outside. ``zoo.theory`` has the probability of "outside" in closed
# form.

norms, per_norm = np.linspace(0.25, 2.0, 24), 100
rng = np.random.default_rng(0)
directions = rng.normal(size=(len(norms), per_norm, DIM))
directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
points = (directions * norms[:, None, None]).reshape(-1, DIM).astype("float32")

flips = zoo.flips(model, points, samples=1001, seed=0).reshape(len(norms), per_norm, 1001)
outside = flips.mean(axis=(1, 2))
law = zoo.theory.ball_probability(norms, RADIUS, ALPHA)
print(f"largest difference from the closed form: {np.abs(outside - law).max():.4f}")

# %%
# Majorities
# ----------
# Near the sphere a single flip is hardly better than a guess. The majority of n flips is right with the probability
# of a binomial tail, ``zoo.theory.majority_accuracy``. The dots are measured: the first n flips of every point vote.

truth = (norms > RADIUS)[:, None]
right = np.where(norms > RADIUS, law, 1 - law)

figure, (left, axes) = plt.subplots(1, 2, figsize=(7.4, 3.6))
left.plot(norms, law, color="C6", label="closed form")
left.plot(norms, outside, "o", markersize=4, label="100,100 flips")
left.axvline(RADIUS, color="C6", linestyle=":")
left.axhline(0.5, color="C6", linestyle=":")
left.set(xlabel="norm of the point", ylabel='share of flips that say "outside"', title="one flip")
left.legend(loc="lower right")
for number, samples in enumerate([1, 11, 101, 1001]):
    accuracy = ((flips[:, :, :samples].mean(axis=2) > 0.5) == truth).mean(axis=1)
    axes.plot(norms, 100 * zoo.theory.majority_accuracy(right, samples), color=f"C{number}")
    axes.plot(norms, 100 * accuracy, "o", color=f"C{number}", markersize=4, label=f"{samples:,}")
axes.axvline(RADIUS, color="C6", linestyle=":")
axes.set(
    xlabel="norm of the point", ylabel="points classified rightly, %", ylim=(20, 103), title="majority (lines: theory)"
)
axes.legend(title="flips", loc="lower center", ncols=4, columnspacing=0.8, handletextpad=0.1)
plt.show()

# %%
# The dip at norm 1 never closes: on the sphere itself no number of flips decides. Everywhere else more flips help,
# and the number of dimensions does not appear in the law at all.
