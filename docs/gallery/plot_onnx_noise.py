"""ONNX with the noise as an input
===============================

An exported network usually draws its own random numbers. It need not: with ``coins="input"`` the random numbers
become inputs of the file, like the image. Then any runtime gives the same flips, and whoever calls can choose the
noise. Here we choose it so that the flips of an image contradict each other.
"""

# %%
# An export
# ---------
# We export the pretrained network for digits with eight flips, whose softmax is averaged. ``model.json``, beside the
# file, says which random numbers it wants; ``zoo.serving.noise`` reads that and draws them. The computation is NumPy's;
# without ``zoo``, draw as ``model.json`` says, by one line of NumPy for each of its four laws.

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from matplotlib import pyplot as plt

import zoo
from zoo.recipes.reporting.style import use_style
from zoo.serving.noise import draw, read_noise

use_style()
FLIPS = 8
model = zoo.amplify(zoo.build("resnet20_cfnn", weights="digits", seed=0), samples=FLIPS, vote="mean")
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "digits"
zoo.export(model, path, format="onnx", coins="input")
session = onnxruntime.InferenceSession(path / "model.onnx")
noise = read_noise(path)
for one in noise[:3]:
    print(f"{one.name}: {one.dtype}{one.shape}, {one.law} with p = {one.p:g}")
print(f"and {len(noise) - 3} more inputs of random numbers")

# %%
# The same noise, the same votes
# ------------------------------
# We take the 40 test images on which flips disagree most.

test = zoo.data.load("digits").test
doubt = zoo.uncertainty(model, test.x, samples=50, batch_size=120, seed=0)
images = test.x[np.argsort(-doubt.entropy)[:40]].astype("float32")
(image_input,) = [one.name for one in session.get_inputs() if one.name not in {one.name for one in noise}]


def answer(numbers: dict[str, np.ndarray]) -> np.ndarray:
    """Probabilities of the exported network for chosen random numbers."""
    return session.run(None, {image_input: images, **numbers})[0]


first, again, other = (answer(draw(noise, len(images), seed=seed)) for seed in (0, 0, 1))
same, differs = np.abs(first - again).max(), np.abs(first - other).max()
print(f"largest difference for the same noise {same:g}, for other noise {differs:.2f}")

# %%
# Flips that contradict each other
# --------------------------------
# All coins of this network are fair: each keeps or drops a unit with a probability of one half. So we may let every
# second flip drop what the flip before it kept. Each flip alone has the same law as before, but the two of a pair are
# no longer independent. How far does a mean of eight flips lie from the mean of a thousand?


def opposed(numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same numbers, but every second flip has the opposite coins of the one before."""
    turned = {name: values.copy() for name, values in numbers.items()}
    for values in turned.values():
        values[1::2] = ~values[::2]
    return turned


drawn = [draw(noise, len(images), seed=seed) for seed in range(125)]
independent = np.stack([answer(numbers) for numbers in drawn])
pairs = np.stack([answer(opposed(numbers)) for numbers in drawn])
truth = independent.mean(axis=0)
errors = {
    "independent flips": np.sqrt(((independent - truth) ** 2).sum(axis=2)).mean(axis=0),
    "pairs of opposite flips": np.sqrt(((pairs - pairs.mean(axis=0)) ** 2).sum(axis=2)).mean(axis=0),
}
for name, error in errors.items():
    print(f"{name}: mean distance from the mean of a thousand flips {error.mean():.4f}")
shift = np.sqrt(((pairs.mean(axis=0) - truth) ** 2).sum(axis=1)).mean()
chance = errors["independent flips"].mean() * (2 / len(drawn)) ** 0.5
print(f"distance of the two long means {shift:.4f}, by chance alone about {chance:.4f}")

# %%
# The picture
# -----------
# A dot is an image. Below the line, opposite flips are worth more than independent ones, at the same cost and with
# the same law of every single flip.

figure, axes = plt.subplots(figsize=(5, 4.6))
axes.plot(errors["independent flips"], errors["pairs of opposite flips"], "o")
most = 1.05 * max(error.max() for error in errors.values())
axes.plot([0, most], [0, most], color="C6", linestyle="--", label="no difference")
axes.set(
    xlabel="error of eight independent flips", ylabel="error of four opposite pairs", xlim=(0, most), ylim=(0, most)
)
axes.set_aspect("equal")
axes.legend()
plt.show()
