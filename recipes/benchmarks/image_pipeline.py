"""Images per second out of small files: `Split.batches` against keras.utils.image_dataset_from_directory.

    python -m zoo.recipes.benchmarks.image_pipeline [--images 1200] [--rounds 9] [--batch-size 128]

PNG files of 32x32 and JPEG files of 64x64 in three classes, read at their size and at another one, shuffled. A round
makes the pipelines and takes every image twice from each of them in turn; ours keeps small images in memory once they
were read. Ratios are medians over rounds, above 1 where ours is faster, of wall time and of the process's CPU time,
which other work beside it changes less. Keras augments nothing.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image
from tabulate import tabulate

import zoo
from zoo.recipes.benchmarks.measure import machine

FILES = (("png", 32), ("jpg", 64))
AUGMENT = (None, "crop_flip", "resized_crop_flip")


def write_images(root: Path, ending: str, size: int, images: int) -> None:
    """Write smooth images with some noise, as many in each of three classes, in `root/train` and one each in test."""
    rng = np.random.default_rng(0)
    for part, count in (("train", images // 3), ("test", 1)):
        for name in "abc":
            (root / part / name).mkdir(parents=True)
            for index in range(count):
                smooth = Image.fromarray(rng.integers(0, 256, (size // 8, size // 8, 3), dtype=np.uint8))
                pixels = np.asarray(smooth.resize((size, size), Image.Resampling.BICUBIC)).astype(int)
                noisy = np.clip(pixels + rng.integers(-8, 9, pixels.shape), 0, 255).astype(np.uint8)
                Image.fromarray(noisy).save(root / part / name / f"{index}.{ending}", quality=90)


def pipelines(root: Path, size: int, batch_size: int) -> dict[str, Any]:
    """Iterables of the batches of an epoch by their names, Keras's first."""
    theirs = keras.utils.image_dataset_from_directory(
        root / "train", image_size=(size, size), batch_size=batch_size, seed=0, verbose=False
    )
    found = {"Keras": theirs}
    for augment in AUGMENT:
        split = zoo.data.load(root, image_size=size, validation=0).train
        found[str(augment)] = split.batches(batch_size, augment=augment)
    return found


def count_images(batches: Any) -> int:
    """Number of images of an epoch, all of them read."""
    return sum(len(labels) for _, labels in batches)


def measured(files: str, root: Path, size: int, arguments: argparse.Namespace) -> list[tuple]:
    """A row per pipeline: images per second of Keras; over them a first and a later epoch, by each clock."""
    times: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(arguments.rounds):
        found = pipelines(root, size, arguments.batch_size)  # anew, or all epochs but one would be later ones
        for epoch in ("first", "later"):
            for name, batches in found.items():
                started = time.perf_counter(), time.process_time()
                count_images(batches)
                ended = time.perf_counter(), time.process_time()
                times.setdefault((name, epoch), []).append((ended[0] - started[0], ended[1] - started[1]))
    images, rows = 3 * (arguments.images // 3), []
    for augment in map(str, AUGMENT):
        ratios = [np.median(np.array(times["Keras", one]) / times[augment, one], axis=0) for one in ("first", "later")]
        rows.append((files, augment, images / np.median(times["Keras", "later"], axis=0)[0], *np.concatenate(ratios)))
    return rows


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch-size", type=int, default=128)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for ending, stored in FILES:
            root = Path(folder, ending)
            write_images(root, ending, stored, arguments.images)
            for size in (stored, stored * 3 // 4):
                rows += measured(f"{ending}, {stored} -> {size}", root, size, arguments)
    print(f"\n{machine()}, {arguments.images} images, {arguments.rounds} rounds\n")
    headers = ["files", "augment", "images/s, Keras", "first epoch", "CPU", "later epochs", "CPU"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=("", "", ".0f", *[".2f"] * 4)))


if __name__ == "__main__":
    main()
