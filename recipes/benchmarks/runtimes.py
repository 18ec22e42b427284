"""Exports for other runtimes: size, difference and latency against ours, by format, coins and family.

python -m zoo.recipes.benchmarks.runtimes [FORMAT ...]
"""

import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

import zoo
from zoo.recipes.benchmarks.measure import machine
from zoo.serving.comparison import random_examples
from zoo.serving.noise import draw, read_noise
from zoo.serving.runtimes import FORMATS, RUNTIMES

BATCH, CALLS = 8, 5


def families() -> dict[str, keras.Model]:
    """Models by family, of ten classes where they are of images."""
    inputs = keras.Input((16,))
    hidden = keras.layers.Dropout(0.3)(keras.layers.Dense(64, activation="relu")(inputs))
    own = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(keras.layers.GaussianNoise(0.5)(hidden)))
    return {
        "resnet20_cfnn": zoo.build("resnet20_cfnn", weights="cifar10", seed=0),
        "hypernet_cfnn": zoo.build("hypernet_cfnn", weights="cifar10", seed=0),
        "stochastic_mlp": zoo.build("stochastic_mlp", seed=0),
        "ball_cfnn": zoo.build("ball_cfnn", seed=0),
        "conv6_edge_popup": zoo.build("conv6_edge_popup", weights="cifar10_w0.25"),
        "with_coins": zoo.with_coins(own, samples=25, seed=0),
    }


def measured(model: keras.Model, format: str, coins: str) -> str:
    """Return a row's cells: kB, kB of noise an image, difference, milliseconds a batch there and here."""
    given = random_examples(model, BATCH)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        try:
            zoo.export(model, folder, format=format, coins=coins)
        except ValueError as error:
            return f"refused: {str(error)[:90]} | | | |"
        size = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
        run = RUNTIMES[format].load(folder)
        noise = draw(read_noise(folder), BATCH, seed=0) if coins == "input" else {}
        batch = {"images": given[0], **noise}
        exact = RUNTIMES["saved_model"]
        plain = zoo.amplify(model, 1, "expected") if coins == "off" and model.name != "conv6_edge_popup" else model
        reference = plain.predict(given[0], verbose=0)
        if coins == "input":  # ours, for the same numbers
            zoo.export(model, Path(scratch) / "ours", coins="input")
            reference = next(iter(exact.load(Path(scratch) / "ours")(batch).values()))
        differs = np.abs(next(iter(run(batch).values())) - reference).max() if coins != "live" else float("nan")
        theirs, ours = _milliseconds(lambda: run(batch)), _milliseconds(lambda: plain.predict_on_batch(given[0]))
    numbers = sum(one.nbytes for one in noise.values()) / BATCH / 1e3
    return f"{size / 1e3:,.0f} | {numbers:,.1f} | {differs:.1e} | {theirs:.1f} | {ours:.1f}"


def _milliseconds(call) -> float:
    call()
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return 1e3 * float(np.median(times))


def main() -> None:
    """Print the table."""
    print(f"{machine()}; batches of {BATCH}, medians of {CALLS} calls\n")
    print("| family | format | coins | kB | kB of noise an image | difference | ms there | ms here |")
    print("|---|---|---|--:|--:|--:|--:|--:|")
    for family, model in families().items():
        for format in sys.argv[1:] or FORMATS:
            for coins in ("off", "input", "live") if "conv6" not in family else ("off",):
                if (format, coins) != ("saved_model", "live"):
                    print(f"| {family} | {format} | {coins} | {measured(model, format, coins)} |", flush=True)


if __name__ == "__main__":
    main()
