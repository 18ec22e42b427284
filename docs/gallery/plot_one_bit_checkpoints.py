"""A checkpoint of one bit per weight
==================================

When the weights of a network are random and only a mask is trained, a file needs to hold the mask and no weights: the
weights come back from a seed. ``zoo.save_supermask`` writes such a file, and ``zoo.load_supermask`` makes the network
of it.
"""

# %%
# Two trained masks
# -----------------
# The package comes with masks for Conv6 that were trained on CIFAR-10, one by edge-popup and one by IteRand. Half of
# all weights is pruned in each layer. IteRand redraws pruned weights during training, so that its file also has a bit
# for the sign of each weight that is kept.

import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap

import zoo
from zoo.recipes.reporting.style import use_style

use_style()
names = {"edge-popup": "conv6_edge_popup", "IteRand": "conv6_iterand"}
models = {label: zoo.build(name, weights="cifar10_w0.25") for label, name in names.items()}

# %%
# Sizes
# -----
# We write each network in three ways: as Keras does, with weights and scores; as the ordinary network that
# ``zoo.fold`` makes of it; and as a supermask.

kilobytes: dict[str, dict[str, float]] = {}
images = np.random.default_rng(0).uniform(0, 255, (16, 32, 32, 3)).astype("float32")
endings = {"weights and scores": ".weights.h5", "folded": "-folded.weights.h5", "supermask": ".supermask"}
with tempfile.TemporaryDirectory() as folder:
    for label, model in models.items():
        files = {name: Path(folder) / f"{label}{ending}" for name, ending in endings.items()}
        model.save_weights(files["weights and scores"])
        zoo.fold(model).save_weights(files["folded"])
        zoo.save_supermask(model, files["supermask"])
        again = zoo.load_supermask(files["supermask"])
        difference = np.abs(again.predict(images, verbose=0) - model.predict(images, verbose=0)).max()
        kilobytes[label] = {name: path.stat().st_size / 1000 for name, path in files.items()}
        print(f"{label}: largest difference of a probability after loading the supermask: {difference:.1e}")
for label, sizes in kilobytes.items():
    print(label, {name: f"{size:,.0f} kB" for name, size in sizes.items()})
weights = sum(int(np.prod(layer.kernel.shape)) for layer in models["IteRand"].layers if hasattr(layer, "scores"))
bits = {label: 8000 * sizes["supermask"] / weights for label, sizes in kilobytes.items()}
print(f"{weights:,} masked weights;", {label: f"{found:.2f} bits per weight" for label, found in bits.items()})

# %%
# The masks take one bit per weight, and the signs of half of the weights another half. The rest is the description of
# the model and the statistics of its batch normalisation, which do not grow with the weights of wider layers as fast
# as masks do.

# %%
# A kernel with its mask
# ----------------------
# Left: the sizes. Right: the first layer of the IteRand network, its 16 filters of 3x3 pixels and three colours. All
# weights have the same size; what the network knows is which of them count, and their signs.

kernel = next(layer for layer in models["IteRand"].layers if hasattr(layer, "scores"))
signs = np.sign(keras.ops.convert_to_numpy(kernel.kernel)) * (keras.ops.convert_to_numpy(kernel.mask()) > 0)
picture = np.full((31, 24), np.nan)
for number in range(16):
    for colour in range(3):
        row, column = number // 2 * 4, number % 2 * 13 + colour * 4
        picture[row : row + 3, column : column + 3] = signs[:, :, colour, number]

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 4), width_ratios=[1.6, 1])
for place, (label, sizes) in enumerate(kilobytes.items()):
    places = np.arange(len(sizes)) + 0.4 * place
    bars = left.barh(places, list(sizes.values()), height=0.36, color=f"C{place}", label=label)
    left.bar_label(bars, [f"{size:,.0f} kB" for size in sizes.values()], padding=3, fontsize=9)
left.set_yticks(np.arange(3) + 0.2, list(kilobytes["IteRand"]))
left.set(xscale="log", xlabel="size of the file, kB", xlim=(10, 20_000))
figure.legend(title="mask trained by", loc="outside lower center", ncols=2)
colors = ListedColormap(["C1", "white", "C0"]).with_extremes(bad="#b9b9b2")
right.imshow(picture, cmap=colors, vmin=-1, vmax=1)
right.set(xticks=[1, 5, 9, 14, 18, 22], yticks=[], title="blue +, orange −, white 0")
right.set_xticklabels(["R", "G", "B"] * 2)
right.grid(visible=False)
plt.show()
