"""adaptive_vote: how often its certificates are wrong, and what it costs against fixed numbers of flips.

    python -m zoo.recipes.benchmarks.adaptive_votes laws [--trials 10000]
    python -m zoo.recipes.benchmarks.adaptive_votes models [--images 1000] [--data-dir DIR]

`laws` flips synthetic classifiers whose law is known: Gumbel noise on log-probabilities makes class k the largest with
probability p_k. Mean flips stand beside the information bound log(1 / error) / (p log(2 p / (p + q)) + q log(2 q / (p +
q))) of the two classes in front. `models` takes shipped weights: flips and wall time against the votes of 1,000 and of
100 flips, each timed after a call that compiles, and the share of images where the classes agree with those of 1,000.
"""

import argparse

import keras
import numpy as np
from tabulate import tabulate

import zoo
from zoo.layers import Amplify, CoinLayer, MajorityVote
from zoo.recipes.benchmarks.measure import seconds
from zoo.scores.wilson_interval import wilson

ERROR = 0.01
_NEAR = 0.1
SHIPPED = (("resnet20_cfnn", "cifar10"), ("resnet20_cfnn", "digits"), ("hypernet_cfnn", "cifar10"))
LAWS = {
    "0.99 / 0.005": (0.99, 0.005),
    "0.80 / 0.15": (0.8, 0.15),
    "0.60 / 0.30": (0.6, 0.3),
    "0.36 / 0.34": (0.36, 0.34),
    "tie": (0.4, 0.4),
}


class KnownLaw(CoinLayer):
    """Gumbel noise on log-probabilities; coins off give the last class where `misled`, else the first."""

    def __init__(self, misled: bool, **kwargs) -> None:
        super().__init__(**kwargs)
        self.misled = misled

    def call(self, inputs, training=None):
        """Draw a class for each row."""
        if not self.flips(training):
            return keras.ops.flip(inputs, axis=-1) if self.misled else inputs
        uniform = keras.random.uniform(keras.ops.shape(inputs), 1e-12, 1.0, seed=self.generator(training))
        return inputs - keras.ops.log(-keras.ops.log(uniform))

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "misled": self.misled}


def probabilities(two: tuple[float, float], classes: int) -> np.ndarray:
    """The first two classes as given; the others share the rest."""
    if classes == 2:
        return np.array(two) / sum(two)
    return np.array([*two, *[(1 - sum(two)) / (classes - 2)] * (classes - 2)])


def bound(p: float, q: float) -> float:
    """Information bound on the mean number of flips."""
    return np.log(1 / ERROR) / (p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))) if p > q else np.inf


def of_law(name: str, classes: int, misled: bool, trials: int) -> dict:
    """Row of the table of one synthetic classifier."""
    p = probabilities(LAWS[name], classes)
    inputs = keras.Input((classes,))
    model = keras.Model(inputs, MajorityVote(1)(KnownLaw(misled, seed=0)(Amplify(1)(inputs))))
    x = np.log(np.tile(p.astype("float32"), (trials, 1)))
    most = 2000 if p.max() - np.sort(p)[-2] > _NEAR else 500  # nearer ones would take thousands
    found = zoo.adaptive_vote(model, x, ERROR, most, batch_size=256, chunk=16, seed=0)
    certified = found.status == "certified"
    wrong = wilson(int((certified & ~np.isclose(p[found.classes], p.max())).sum()), trials)
    return {
        "law": name,
        "classes": classes,
        "guess": "wrong" if misled else "right",
        "at most flips": most,
        "certified %": 100 * certified.mean(),
        "wrong %": 100 * wrong.accuracy,
        "at most %": 100 * wrong.high,
        "mean flips": found.samples.mean(),
        "/ bound": found.samples.mean() / bound(*np.sort(p)[::-1][:2]) if certified.all() else None,
    }


def of_weights(name: str, weights: str, images: int, data_dir: str | None) -> list[dict]:
    """Rows of the table of one shipped model."""
    model = zoo.build(name, weights=weights, seed=0)
    x = zoo.data.load(weights, data_dir).test.x[:images]
    results = {}

    def run(label, count) -> None:
        results[label] = count()

    runs = {
        "adaptive": lambda: (lambda found: (found.classes, found.samples.mean()))(zoo.adaptive_vote(model, x, ERROR)),
        "1000 flips": lambda: (zoo.uncertainty(model, x, 1000).predicted, 1000),
        "100 flips": lambda: (zoo.uncertainty(model, x, 100).predicted, 100),
    }
    times = {}
    for label, count in runs.items():
        run(label, count)
        times[label] = seconds(lambda label=label, count=count: run(label, count))
    truth, mean = results["1000 flips"][0], results["adaptive"][1]
    return [
        {
            "model": f"{name}, {weights}",
            "vote": label,
            "mean flips": results[label][1],
            "flips / adaptive": results[label][1] / mean,
            "seconds": times[label],
            "seconds / adaptive": times[label] / times["adaptive"],
            "agree with 1000 %": 100 * (results[label][0] == truth).mean(),
        }
        for label in runs
    ]


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("laws", "models"))
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--data-dir")
    given = parser.parse_args()
    if given.what == "laws":
        cases = [(name, classes, False) for classes in (2, 10, 100) for name in LAWS]
        cases += [(name, 10, True) for name in LAWS]
        rows = [of_law(*case, given.trials) for case in cases]
    else:
        rows = [row for pair in SHIPPED for row in of_weights(*pair, given.images, given.data_dir)]
    print(tabulate(rows, headers="keys", tablefmt="github", floatfmt=".4g"))


if __name__ == "__main__":
    main()
