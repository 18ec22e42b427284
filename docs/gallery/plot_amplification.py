"""What more flips can do, and what they cannot
============================================

A majority of many flips is better than a single flip wherever a flip is right more often than not, and worse
everywhere else. So the accuracy for any number of flips follows from the accuracy of single flips, point by point. We
check that on a trained network.
"""

# %%
# A network that draws all of its weights
# ---------------------------------------
# ``stochastic_mlp`` learns mean and scale of every weight, and draws them anew at each flip. It learns to tell the
# inside of a ball in ten dimensions from the outside.

import keras
import numpy as np
from matplotlib import pyplot as plt

import zoo
from zoo.recipes.reporting.style import use_style

use_style()
keras.utils.set_random_seed(0)  # the order of the examples
DIM = 10
rng = np.random.default_rng(0)


def ball(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of norms between 0 and 2, class 1 outside of the unit ball, and the norms."""
    directions, norm = rng.normal(size=(count, DIM)), rng.uniform(0, 2, count)
    points = directions * (norm / np.linalg.norm(directions, axis=1))[:, None]
    return points.astype("float32"), (norm > 1).astype(int), norm


x, y, _ = ball(5000)
test_x, test_y, norms = ball(1000)
model = zoo.build("stochastic_mlp", dim=DIM, hidden=(4,), samples=25, seed=0)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, batch_size=100, epochs=10, verbose=0)

# %%
# Measured and predicted
# ----------------------
# From 2,000 flips we estimate for every test point how often a single flip is right. The binomial law then says how
# often a majority of n flips is right at that point, and the mean over the points is the accuracy to expect. We
# compare it with the accuracy of majorities of fresh flips.

share = (zoo.flips(model, test_x, samples=2000, batch_size=100, seed=1) == test_y[:, None]).mean(axis=1)
numbers = [1, 3, 11, 31, 101, 301, 1001]
predicted = [100 * float(zoo.theory.majority_accuracy(share, n).mean()) for n in numbers]
measured = zoo.random_accuracy(model, test_x, test_y, samples=numbers, batch_size=100, seed=2)
for n, theory, found in zip(numbers, predicted, measured, strict=True):
    interval = f"{100 * found.low:.1f} - {100 * found.high:.1f}"
    print(f"{n:5,} flips: {100 * found.accuracy:.1f} % ({interval}), expected {theory:.1f} %")
limit = 100 * float((share > 0.5).mean())
print(f"infinitely many flips: {limit:.1f} %, the share of points where most flips are right")

# %%
# The picture
# -----------
# Left: accuracy against the number of flips. Right: the test points, by how far out they lie and how often a flip is
# right there. Votes push the points above the line up to 1, and those below it down to 0.

figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.7))
left.plot(numbers, predicted, color="C6", label="expected from single flips")
accuracy = np.array([[100 * found.accuracy, 100 * found.low, 100 * found.high] for found in measured]).T
left.errorbar(
    numbers, accuracy[0], np.abs(accuracy[1:] - accuracy[0]), fmt="o", capsize=3, label="measured (95 % interval)"
)
left.axhline(limit, color="C1", linestyle="--", label="limit")
left.set(xscale="log", xlabel="flips that vote", ylabel="test accuracy, %")
left.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
left.legend(loc="lower right")
for kind, color, name in ((0, "C0", "inside"), (1, "C1", "outside")):
    some = test_y == kind
    right.plot(norms[some], share[some], ".", color=color, markersize=4, label=name)
right.axhline(0.5, color="C6", linestyle="--")
right.set(xlabel="norm of the point", ylabel="share of flips that are right", ylim=(0, 1))
right.legend(title="truth", loc="lower right")
plt.show()
