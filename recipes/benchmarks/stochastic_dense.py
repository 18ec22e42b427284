"""StochasticDense on many rows against a Dense layer on as many: time as ratios, memory above what was held before.

    python -m zoo.recipes.benchmarks.stochastic_dense [--examples 1000] [--flips 1000]
        [--inputs 784] [--units 64] [--rounds 7]

Models of examples x flips rows: `Amplify`, `Dense`; `Amplify`, `StochasticDense`; `KernelMoments`, `Amplify`,
`NormalDraw`, which is the same law; and `StochasticDense` on rows that it cannot know to be equal. All give the sum of
their outputs, so that nothing but the layer is compared; compiled, interleaved, in one process; peaks in processes of
their own.
"""

import argparse

import keras
import numpy as np
from keras import ops

from zoo.layers import Amplify, KernelMoments, NormalDraw, StochasticDense
from zoo.recipes.benchmarks.measure import compare, peak_of_process, print_peak_of, table

KINDS = ("Dense", "StochasticDense", "moments around Amplify", "StochasticDense on any rows")


def network(kind: str, inputs: int, units: int, flips: int) -> keras.Model:
    """One layer on `flips` rows per example, and the sum of what it gives."""
    x = keras.Input((inputs,))
    if kind == "moments around Amplify":
        rows = NormalDraw(seed=0)(Amplify(flips)(KernelMoments(units)(x)))
    else:
        layer = keras.layers.Dense(units) if kind == "Dense" else StochasticDense(units, seed=0)
        rows = Amplify(flips)(x)
        rows = layer(keras.layers.Rescaling(1.0)(rows) if kind.endswith("any rows") else rows)
    return keras.Model(x, ops.sum(rows, axis=0))


def call_of(kind: str, given: argparse.Namespace):
    """A call on the examples, compiled and made once."""
    model = network(kind, given.inputs, given.units, given.flips)
    x = np.random.default_rng(0).standard_normal((given.examples, given.inputs), dtype="float32")

    def run():
        return model.predict_on_batch(x)

    run()
    return run


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("examples", 1000), ("flips", 1000), ("inputs", 784), ("units", 64), ("rounds", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--peak", choices=KINDS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        print_peak_of(call_of(given.peak, given))
        return
    arguments = [f"--{name}={getattr(given, name)}" for name in ("examples", "flips", "inputs", "units")]
    peaks = {kind: peak_of_process(__file__, *arguments, f"--peak={kind}") for kind in KINDS}
    calls = {kind: call_of(kind, given) for kind in KINDS}
    print(table(compare(calls, given.rounds), "Dense", peaks))


if __name__ == "__main__":
    main()
