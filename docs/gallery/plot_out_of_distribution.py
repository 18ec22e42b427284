"""Letters among digits
=====================

A network that has only ever seen digits has to answer for a letter, too, and answers with a digit. Do its flips at
least disagree? The mutual information between the class and the coins is the part of the doubt that comes from the
coins, and it is a score for "this is none of what I learnt".
"""

# %%
# Things that are no digits
# -------------------------
# We draw capital letters with a font and shrink them to 8x8 pixels as the digits were. Two other kinds are easier to
# make: digits on their side, and digits whose pixels are shuffled.

import numpy as np
from matplotlib import pyplot as plt
from PIL import Image, ImageDraw, ImageFont

import zoo
from zoo import scores
from zoo.recipes.reporting.style import use_style

use_style()
model = zoo.build("resnet20_cfnn", weights="digits", seed=0)
test = zoo.data.load("digits").test
rng = np.random.default_rng(0)


def letter(text: str, size: int, shift: tuple[int, int]) -> np.ndarray:
    """A letter as bright strokes on black, 8x8x1 in the range of the digits."""
    canvas = Image.new("L", (64, 64))
    place = (32 + shift[0], 32 + shift[1])
    ImageDraw.Draw(canvas).text(place, text, 255, ImageFont.load_default(size), anchor="mm", stroke_width=2)
    small = np.asarray(canvas.resize((8, 8), Image.Resampling.BOX), "float32")
    return (small * test.x.max() / 255)[..., None]


alphabet = "ABCDEFGHJKLMNPQRSTUVWXY"  # without I, O and Z, which are digits to anybody
drawn = [(text, rng.integers(52, 68), rng.integers(-3, 4, 2)) for text in alphabet for _ in range(12)]
kinds = {
    "digits": test.x,
    "letters": np.stack([letter(text, int(size), tuple(shift)) for text, size, shift in drawn]),
    "digits on their side": np.rot90(test.x, axes=(1, 2)),
    "shuffled pixels": rng.permuted(test.x.reshape(-1, 64), axis=1).reshape(test.x.shape),
}

# %%
# How far flips disagree
# ----------------------

found = {name: zoo.uncertainty(model, x, samples=50, batch_size=360, seed=0) for name, x in kinds.items()}
for name, one in found.items():
    line = (
        f"{name:21} mutual information {one.mutual_information.mean():.3f} nats, entropy {one.entropy.mean():.3f} nats"
    )
    if name != "digits":
        areas = [
            scores.auroc(getattr(found["digits"], key), getattr(one, key)) for key in ("mutual_information", "entropy")
        ]
        line += f"; AUROC {areas[0]:.3f} and {areas[1]:.3f}"
    print(line)

# %%
# Separation
# ----------
# The area under the ROC curve (AUROC) is the probability that something strange scores higher than a digit: 0.5 is a
# guess. Under the curves are the letters on which the flips agree most and least, with the digit that they are taken
# for.

figure = plt.figure(figsize=(6.4, 5.6))
above, *strips = figure.subfigures(3, 1, height_ratios=[2.4, 1, 1])
axes = above.subplots()
for name, one in found.items():
    score = np.sort(one.mutual_information)
    axes.plot(score, 100 * np.arange(1, len(score) + 1) / len(score), label=name)
axes.set(xlabel="mutual information of class and coins, nats", ylabel="inputs with less, %", xlim=(0, None))
axes.legend()
order = np.argsort(found["letters"].mutual_information)
ends = {"letters on which the flips agree": order[:8], "letters on which they disagree": order[::-1][:8]}
for strip, (name, chosen) in zip(strips, ends.items(), strict=True):
    strip.suptitle(name)
    for axes, row in zip(strip.subplots(1, 8), chosen, strict=True):
        axes.imshow(kinds["letters"][row, ..., 0], cmap="gray_r")
        axes.set_xlabel(
            f"{drawn[row][0]} as {found['letters'].predicted[row]}\n{found['letters'].mutual_information[row]:.2f}"
        )
        axes.set(xticks=[], yticks=[], frame_on=False)
plt.show()
