"""Experiments on the ball classifiers: the law of one flip (Fig. 1), and the errors of majorities of flips.

Nothing is trained. "drawn" is measured on the models, "exact" is the closed form of `zoo.theory`, "bound" Hoeffding's.
"""

import itertools
from functools import partial
from typing import Any

import numpy as np

import zoo
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.coin_flipping import TITLE
from zoo.recipes.reporting.sweep import write_report

_MODELS = {"ball_cfnn": zoo.theory.ball_probability, "tangent_cfnn": zoo.theory.tangent_probability}
_NAMES = {
    "norm": "norm of the point",
    "outside": 'share of flips that say "outside"',
    "samples": "flips that vote",
    "error": "share of points that are wrong",
}
_COMMON: Settings = {"model": "ball_cfnn", "dim": 10, "radius": 1.0, "repetitions": 1}
_LAW = {
    **_COMMON,
    "alphas": [0.6, 0.75, 0.9],
    "norms": [round(0.1 * i, 1) for i in range(31)],
    "flips": 20_000,
}
_MAJORITY = {**_COMMON, "alpha": 0.75, "norms": [0.5, 0.9, 1.1, 1.5], "samples": [1, 11, 101, 1001], "points": 2000}


def _probability(settings: Settings, norm: float, alpha: float) -> float:
    """Probability that one flip calls a point of that norm outside."""
    more = {"dim": settings["dim"]} if settings["model"] == "tangent_cfnn" else {}
    return float(_MODELS[settings["model"]](norm, settings["radius"], alpha, **more))


def _model(settings: Settings, alpha: float, seed: int):
    sizes = {key: settings[key] for key in ("dim", "radius")}
    return zoo.build(settings["model"], **sizes, alpha=alpha, samples=1, seed=seed)


def _points_of(settings: Settings, norm: float, count: int, seed: int) -> np.ndarray:
    """Points of that norm in random directions, `(count, dim)` float32."""
    x = np.random.default_rng(seed).normal(size=(count, settings["dim"]))
    return (x / np.linalg.norm(x, axis=1, keepdims=True) * norm).astype("float32")


def _law(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    """Share of flips that call a point outside."""
    norm, alpha = point["norm"], point["alpha"]
    model, x = _model(settings, alpha, seed), _points_of(settings, norm, 1, seed)
    drawn = float(zoo.flips(model, x, settings["flips"], chunk=5000).mean())
    exact = _probability(settings, norm, alpha)
    return [{"method": "drawn", "outside": drawn}, {"method": "exact", "outside": exact}]


def _majority(settings: Settings, point: Row, seed: int, prepared: None) -> list[Row]:
    """Share of equally distant points that the majority of their flips gets wrong."""
    norm, n = point["norm"], point["samples"]
    if norm == settings["radius"]:
        raise ValueError(
            f"`norms` must not have the radius, where no answer is right. Received: norms={settings['norms']!r}"
        )
    outside = norm > settings["radius"]
    x, y = _points_of(settings, norm, settings["points"], seed), np.full(settings["points"], int(outside))
    # A batch shares the directions of the tangents, so its points are not independent of each other.
    batch = settings["points"] if settings["model"] == "ball_cfnn" else 1
    drawn = zoo.random_accuracy(_model(settings, settings["alpha"], seed), x, y, n, batch_size=batch)
    probability = _probability(settings, norm, settings["alpha"])
    right = probability if outside else 1 - probability
    exact, bound = 1 - zoo.theory.majority_accuracy(right, n), zoo.theory.hoeffding_error(right, n)
    return [
        {"method": "drawn", "error": 1 - drawn.accuracy, "low": 1 - drawn.high, "high": 1 - drawn.low},
        {"method": "exact", "error": float(exact)},
        {"method": "bound", "error": float(bound)},
    ]


def _add(
    name: str, section: str, *, settings: Settings, smoke: Settings, swept: tuple[str, str], **functions: Any
) -> None:
    """Register an experiment over all pairs of two settings, which `swept` names without their s."""

    def points(settings: Settings) -> list[Row]:
        lists = [settings[key if key in settings else key + "s"] for key in swept]
        return [dict(zip(swept, pair, strict=True)) for pair in itertools.product(*lists)]

    register(
        name,
        Experiment(
            f"{TITLE}, {section}",
            budgets(settings, smoke=smoke),
            points,
            choices={"model": tuple(_MODELS)},
            **functions,
        ),
    )


_add(
    "ball",
    "section 3, Fig. 1",
    settings=_LAW,
    smoke={"alphas": [0.75], "norms": [0.5, 1.5], "flips": 200},
    swept=("alpha", "norm"),
    run=_law,
    report=partial(write_report, sweep="norm", measure="outside", series=("method", "alpha"), names=_NAMES),
)
_add(
    "ball-majority",
    "sections 2.1 and 3, appendix B",
    settings=_MAJORITY,
    smoke={"norms": [1.5], "samples": [1, 11], "points": 50},
    swept=("norm", "samples"),
    run=_majority,
    report=partial(write_report, sweep="samples", measure="error", series=("method", "norm"), log="x", names=_NAMES),
)
