"""Experiments on an embedding of the condition against a hypernetwork (section 5, appendix 7.1 to 7.4).

The budget "paper" has the paper's settings and its 100 repetitions. Ours, where the paper says nothing: 100 epochs and
10,000 held-out examples of the synthetic targets, and everything about the training on colours but the networks. From
the released code: batches of 64, no bias in the weights that a hypernetwork generates, PyTorch's initial weights, ReLU
for MNIST and ELU for CIFAR-10 in the primary networks, and normalised pixels. Where the code departs from the paper,
`--set reading=code`, `--set learning_rate=0.001`, `--set width=100` and, for its depths,
`--set depths=[4,5,6,7,8,9,10,11]` follow the code. On CIFAR-10 a shallow hypernetwork diverges at the paper's rate of
0.01 with the code's pixels; with `--set pixels=unit` pixels are in [0, 1].

Two things are not in the paper: `modularity-synthetic-rate`, the synthetic targets at several learning rates, and
`--set type=4`, a target like type 1, which is nearly linear in x, where most of the variance depends on the condition.
"""

from functools import partial
from typing import Any

from zoo.layers.hyperfan import MODES
from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.modularity import TITLE, runs
from zoo.recipes.papers.modularity.rotation import READINGS
from zoo.recipes.papers.modularity.synthetic_targets import TYPES
from zoo.recipes.reporting.sweep import write_report

_NAMES = {
    "depth": "linear layers of the network of the condition",
    "embedding_dim": "numbers of the embedding",
    "multiple": "size, as a multiple of the smallest",
    "learning_rate": "learning rate",
    "loss": "test loss, squared error",
    "error": "wrong test images, share",
}
_METHODS = ("embedding", "hypernetwork")
_CHOICES = {
    "methods": _METHODS,
    "type": TYPES,
    "reading": READINGS,
    "pixels": tuple(runs.PIXELS),
    "init": ("plain", *MODES),
}
_COMMON: Settings = {
    "methods": list(_METHODS),
    "repetitions": 100,
    "activation": "relu",
    "primary_activation": "relu",
    "primary_bias": False,
    "init": "plain",
    "hidden": 10,
    "learning_rate": 0.01,
}
_SYNTHETIC = {**_COMMON, "type": 1, "samples": 30_000, "test_samples": 10_000, "batch_size": 200, "epochs": 100}
_IMAGES = {**_COMMON, "data": "mnist", "samples": 0, "test_samples": 0, "batch_size": 64, "epochs": 10}
_ROTATION = {**_IMAGES, "reading": "paper", "classes": 12, "pixels": "normalized"}
_DEPTHS = list(range(2, 10))
_RATES = [float(f"{1e-4 * 10 ** (j / 4):.2g}") for j in range(2, 10)]  # 3.2e-4, 5.6e-4, ..., 1e-2, 1.8e-2
_ELU = {"data": {"cifar10": {"primary_activation": "elu"}}}
_WIDER_ELU = {"data": {"cifar10": {"primary_activation": "elu", "width": 100}}}
_FEW = {"samples": 200, "test_samples": 100, "epochs": 1, "width": 8}


def _add(
    name: str,
    section: str,
    *,
    sweep: str,
    measure: str,
    settings: Settings,
    smoke: Settings,
    standard: Settings,
    log: str = "",
    **functions: Any,
) -> None:
    """Register an experiment that sweeps `sweep`; the values are the setting of that name with an s."""

    def points(settings: Settings) -> list[Row]:
        return [{"method": method, sweep: value} for value in settings[sweep + "s"] for method in settings["methods"]]

    by_budget = budgets(settings, smoke={"repetitions": 1, **smoke}, standard={"repetitions": 3, **standard})
    report = partial(write_report, sweep=sweep, measure=measure, log=log, names=_NAMES)
    functions = {"points": points, "report": report, "choices": _CHOICES, **functions}
    register(name, Experiment(f"{TITLE}, {section}", by_budget, **functions))


def _once_for_the_hypernetwork(settings: Settings) -> list[Row]:
    """Points: every size of the embedding, and the hypernetwork, which has none, once."""
    points = [{"method": "embedding", "embedding_dim": dim} for dim in settings["embedding_dims"]]
    other = [{"method": "hypernetwork", "embedding_dim": None}]
    return points * ("embedding" in settings["methods"]) + other * ("hypernetwork" in settings["methods"])


_add(
    "modularity-synthetic-depth",
    "section 5, Fig. 1a; types 2 and 3: appendix 7.1, Fig. 4",
    sweep="depth",
    measure="loss",
    settings={**_SYNTHETIC, "x_size": 1000, "depths": _DEPTHS, "width": 100, "embedding_dim": 10_000},
    smoke={**_FEW, "x_size": 12, "depths": [2, 3], "embedding_dim": 30},
    standard={"depths": [2, 3, 5, 9], "epochs": 20},
    run=runs.synthetic,
)
_add(
    "modularity-synthetic-embedding",
    "section 5, Fig. 1b; types 2 and 3: appendix 7.1, Fig. 4",
    sweep="multiple",
    measure="loss",
    settings={**_SYNTHETIC, "x_size": 100, "multiples": list(range(1, 9)), "width": 100, "embedding_dim": 1000},
    smoke={**_FEW, "x_size": 12, "multiples": [2], "embedding_dim": 30},
    standard={"multiples": [1, 2, 4, 8], "epochs": 40},
    run=runs.synthetic_multiple,
)
_add(
    "modularity-synthetic-rate",
    "section 5 at other learning rates than the paper's 0.01",
    sweep="learning_rate",
    measure="loss",
    settings={
        **_SYNTHETIC,
        **{"x_size": 100, "learning_rates": [0.01, 0.03, 0.1, 0.3], "multiple": 1, "width": 100},
        "embedding_dim": 1000,
    },
    smoke={**_FEW, "x_size": 12, "learning_rates": [0.1], "embedding_dim": 30},
    standard={"epochs": 80},
    log="xy",
    run=runs.synthetic_multiple,
)
_add(
    "modularity-rotation-depth",
    "section 5, Fig. 3",
    sweep="depth",
    measure="error",
    settings={**_ROTATION, "depths": _DEPTHS, "width": 50},
    smoke={**_FEW, "data": "digits", "depths": [2, 3]},
    standard={"depths": [2, 3, 4, 5, 6]},
    run=runs.rotation,
    prepare=runs.rotation_images,
    variants=_WIDER_ELU,
)
_add(
    "modularity-rotation-embedding",
    "appendix 7.2, Fig. 5",
    sweep="embedding_dim",
    measure="error",
    settings={**_ROTATION, "depth": 2, "embedding_dims": [10_000 * i for i in range(1, 9)], "width": 100},
    smoke={**_FEW, "data": "digits", "embedding_dims": [20]},
    standard={"embedding_dims": [10_000, 20_000, 40_000], "epochs": 3},
    run=runs.rotation,
    prepare=runs.rotation_images,
    variants=_ELU,
    points=_once_for_the_hypernetwork,
)
_add(
    "modularity-learning-rate",
    "appendix 7.4, Fig. 7",
    sweep="learning_rate",
    measure="error",
    settings={**_ROTATION, "depth": 4, "learning_rates": _RATES, "width": 50},
    smoke={**_FEW, "data": "digits", "learning_rates": [0.1]},
    standard={"learning_rates": _RATES[1::2], "epochs": 5},
    log="x",
    run=runs.rotation,
    prepare=runs.rotation_images,
    variants=_WIDER_ELU,
)
_add(
    "modularity-colorization",
    "appendix 7.3, Fig. 6",
    sweep="depth",
    measure="loss",
    settings={
        **_IMAGES,
        "data": "cifar10",
        "depths": list(range(2, 8)),
        "width": 100,
        "embedding_dim": 450,
        "primary_activation": "elu",
    },
    smoke={**_FEW, "depths": [2], "embedding_dim": 30},
    standard={},
    run=runs.colorization,
    prepare=runs.colorization_images,
)
