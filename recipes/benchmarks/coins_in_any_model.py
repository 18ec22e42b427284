"""Models that nobody here wrote, made to flip: does every part hold, and what do 25 flips cost?

Run `python -m zoo.recipes.benchmarks.coins_in_any_model [--models NAME ...]`. Weights are random; the text backbone
needs `pip install keras-hub` and is left out without it. A row says for each model whether

- `off`: `zoo.amplify(coins, 1, "expected")` equals `model.predict` in every bit;
- `flips`: the flips of an example differ, and their law is that of `zoo.uncertainty`;
- `file`: the `.keras` file flips the same coins;
- `served`: the SavedModel gives, from one seed, the same votes in two processes' worth of loads (TensorFlow only);

and the time of `predict` by 25 flips over that of the model itself, the median of interleaved rounds.
"""

import argparse
import importlib.util
import tempfile
from functools import partial
from pathlib import Path

import keras
import numpy as np
from tabulate import tabulate

import zoo
from zoo.graph import inner_layers
from zoo.recipes.benchmarks.measure import seconds

layers = keras.layers
FLIPS = 25


def application(name: str, **options):
    """A model of keras.applications for images of 64 x 64, or for its smallest."""
    return getattr(keras.applications, name)(weights=None, input_shape=(96, 96, 3), classes=10, **options)


def text_backbone():
    """A BERT of KerasHub, too small to say anything, with dropout in every block."""
    from keras_hub.models import BertBackbone

    backbone = BertBackbone(
        vocabulary_size=50, num_layers=2, num_heads=2, hidden_dim=16, intermediate_dim=32, max_sequence_length=12
    )
    return keras.Model(backbone.inputs, layers.Dense(3, "softmax")(backbone.output["pooled_output"]))


def lstm():
    """A text classifier with recurrent dropout and padding."""
    inputs = keras.Input((20,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 16, mask_zero=True)(inputs)
    x = layers.Bidirectional(layers.LSTM(16, dropout=0.2, recurrent_dropout=0.2))(x)
    return keras.Model(inputs, layers.Dense(1, "sigmoid")(layers.Dropout(0.3)(x)))


def unet():
    """A segmentation of 32 x 32 pixels with dropout in the middle."""
    inputs = keras.Input((32, 32, 3))
    skips, x = [], inputs
    for filters in (8, 16):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(layers.BatchNormalization()(x))
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.SpatialDropout2D(0.3)(layers.Conv2D(32, 3, padding="same", activation="relu")(x))
    for filters, skip in zip((16, 8), reversed(skips), strict=True):
        x = layers.Concatenate()([layers.UpSampling2D()(x), skip])
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Conv2D(4, 1, activation="softmax")(x))


def several_outputs():
    """A shared trunk with a class, a number and an output without coins."""
    inputs = keras.Input((12,))
    trunk = layers.Dense(32, "relu")(inputs)
    x = layers.Dropout(0.4)(trunk)
    outputs = {
        "sort": layers.Dense(4, "softmax", name="sort")(x),
        "size": layers.Dense(1, name="size")(x),
        "plain": layers.Dense(2, name="plain")(trunk),
    }
    return keras.Model(inputs, outputs)


def regression():
    """A tabular regression with noise and dropout."""
    table = [layers.Dense(32, "gelu"), layers.LayerNormalization(), layers.GaussianNoise(0.1), layers.Dropout(0.2)]
    return keras.Sequential([keras.Input((7,)), *table, layers.Dense(1)])


def nested():
    """A backbone with dropout, inside a model, inside `TimeDistributed`."""
    backbone = keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu"), layers.Dropout(0.5)])
    inputs = keras.Input((6,))
    inner = keras.Model(inputs, layers.Add()([inputs, layers.Dense(6)(backbone(inputs))]))
    series = keras.Input((4, 6))
    pooled = layers.GlobalAveragePooling1D()(layers.TimeDistributed(inner)(series))
    return keras.Model(series, layers.Dense(3, "softmax")(pooled))


MODELS = {
    "MobileNetV2": (lambda: application("MobileNetV2"), {"rate": 0.2}),
    "MobileNet (its own dropout)": (lambda: application("MobileNet"), {}),
    "EfficientNetB0 (its own dropouts)": (lambda: application("EfficientNetB0"), {}),
    "DenseNet121": (lambda: application("DenseNet121"), {"rate": 0.2}),
    "ResNet50V2": (lambda: application("ResNet50V2"), {"rate": 0.2}),
    "VGG16": (lambda: application("VGG16"), {"rate": 0.5, "where": ["fc1", "fc2", "predictions"]}),
    "KerasHub BertBackbone": (text_backbone, {}),
    "bidirectional LSTM": (lstm, {}),
    "U-Net": (unet, {}),
    "several outputs": (several_outputs, {}),
    "tabular regression": (regression, {}),
    "nested in TimeDistributed": (nested, {}),
}


def examples(model: keras.Model, count: int):
    """Random inputs of a model."""
    rng = np.random.default_rng(0)

    def one(x):
        shape = (count, *(12 if n is None else n for n in x.shape[1:]))
        if "int" in x.dtype:
            return rng.integers(0, 2, shape) if "mask" in x.name or "segment" in x.name else rng.integers(1, 50, shape)
        return rng.normal(size=shape).astype("float32")

    given = {x.name: one(x) for x in model.inputs}
    return given if len(given) > 1 else next(iter(given.values()))


def settle(model: keras.Model, x) -> None:
    """Give batch normalisation the statistics of the examples: at their initial ones random weights end in zeros."""
    normalising = [one for one in inner_layers(model) if isinstance(one, layers.BatchNormalization)]
    for one in normalising:
        one.momentum = 0.0
    if normalising:
        model(x, training=True)


def equal(one, other) -> bool:
    """Return whether two structures of arrays are equal in every bit."""
    return all(np.array_equal(a, b) for a, b in zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True))


def row(name: str, count: int, rounds: int) -> list[str]:
    """Make one model flip and check it."""
    make, options = MODELS[name]
    model = make()
    x = examples(model, count)
    settle(model, x)
    plain = model.predict(x, verbose=0)
    coins = zoo.with_coins(model, FLIPS, seed=1, **options)
    off = equal(zoo.amplify(coins, 1, "expected").predict(x, verbose=0), plain)
    found = zoo.uncertainty(coins, x, FLIPS, seed=2)
    found = found if isinstance(found, dict) else {"": found}
    flips = min(float(one.standard_deviation.max()) for one in found.values()) > 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.keras")
        coins.save(file)
        copy = keras.models.load_model(file)
        kept = equal(copy.predict(x, verbose=0), coins.predict(x, verbose=0))
        served = _served(coins, x, Path(folder, "saved"))
    times = [[seconds(partial(one.predict, x, verbose=0)) for one in (coins, model)] for _ in range(rounds)]
    ratio = f"{np.median([a / b for a, b in times]):.2f}"
    return [name, *("yes" if ok else "NO" for ok in (off, flips, kept)), served, ratio]


def _served(model, x, path: Path) -> str:
    if keras.backend.backend() != "tensorflow":
        return "-"
    import tensorflow as tf

    zoo.export(model, path)
    given = [tf.convert_to_tensor(a, b.dtype) for a, b in zip(keras.tree.flatten(x), model.inputs, strict=True)]
    votes = []
    for _ in range(2):
        served = tf.saved_model.load(path)
        served.reseed(tf.constant(3, tf.int64))
        votes.append(tf.nest.map_structure(lambda one: one.numpy(), served.vote(*given, tf.constant(FLIPS))))
    return "yes" if equal(*votes) else "NO"


def main() -> None:
    """Check, measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--examples", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    chosen = [n for n in arguments.models if "KerasHub" not in n or importlib.util.find_spec("keras_hub")]
    headers = ["model", "off", "flips", "file", "served", f"{FLIPS} flips / predict"]
    rows = []
    for name in chosen:
        rows.append(row(name, arguments.examples, arguments.rounds))
        print(tabulate(rows[-1:], tablefmt="plain"), flush=True)  # the last ones take minutes
    print(tabulate(rows, headers, tablefmt="github"))


if __name__ == "__main__":
    main()
