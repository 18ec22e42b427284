"""A folder of images of several sizes and formats, whose pixels tell where they came from."""

import numpy as np
from PIL import Image

CLASSES = ("Zebra", "ant", "bee")  # in the order of their labels: capitals sort first
SIZES = [(50, 37), (37, 50), (300, 211), (90, 90), (41, 160), (23, 17), (128, 96)]
PER_CLASS = (7, 4)


def ramp(width, height, blue=0):
    """Red is the column's place in [0, 240], green the row's: a pixel tells where it came from."""
    columns, rows = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return np.rint(np.stack([240 * columns, 240 * rows, np.full_like(rows, blue)], -1)).astype(np.uint8)


def write_pictures(root):
    """Write 21 images to train on and 12 to test on, of seven sizes, of three classes; blue is the class."""
    for part, count in zip(("train", "test"), PER_CLASS, strict=True):
        for label, name in enumerate(CLASSES):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                image = Image.fromarray(ramp(*SIZES[i], blue=100 * label))
                ending = (".JPEG", ".jpg", ".png", ".jpeg", ".PNG")[i % 5]
                image.save(root / part / name / f"{i}{ending}", quality=95)
    Image.fromarray(ramp(40, 30)).convert("L").save(root / "train" / "ant" / "2.png")
    Image.fromarray(ramp(60, 40, blue=100)).convert("RGBA").save(root / "train" / "ant" / "4.PNG")
    for name in ("notes.txt", ".hidden.jpg", "1.webp"):
        (root / "train" / "bee" / name).write_text("not an image")
    (root / "train" / ".cache").mkdir()
