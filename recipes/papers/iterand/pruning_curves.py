"""Accuracy of IteRand and edge-popup on training and validation examples, epoch by epoch (Fig. 3b)."""

from pathlib import Path

from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.iterand import TITLE
from zoo.recipes.papers.iterand.pruning_runs import CHOICES, SETTINGS, checked, run, with_finished
from zoo.recipes.reporting.sweep import write_report

_SETTINGS: Settings = {
    **{**SETTINGS, "recipes": "imagenet2012", "data": "imagenet2012", "networks": ["resnet50"]},
    **{"methods": ["edge-popup", "iterand"], "kernels": ["sc"], "width": 1.0, "epochs": 105, "repetitions": 1},
}
_CIFAR = {"recipes": "cifar10", "data": "cifar10", "networks": ["conv6"], "width": 0.25, "epochs": 10}


def _points(settings: Settings) -> list[Row]:
    """Points, one per network, method and kernel."""
    return with_finished(
        settings,
        [
            {"network": network, "method": method, "kernel": kernel, "width": settings["width"]}
            for network in settings["networks"]
            for kernel in settings["kernels"]
            for method in settings["methods"]
        ],
    )


def _run(settings: Settings, point: Row, seed: int, data_dir: str | None) -> list[Row]:
    """Rows for training and validation examples, each with a list of accuracies by epoch."""
    row, history = run(settings, point, seed, data_dir)
    return [
        {**row, "examples": examples, "curve": [epoch[examples] for epoch in history]}
        for examples in ("train", "validation")
    ]


def _report(rows: list[Row], out: Path) -> None:
    """Draw accuracy in per cent by epoch, with axes per network."""
    series, names = ("method", "kernel", "examples"), {"curve": "accuracy, %"}
    write_report(rows, out, sweep="epoch", measure="curve", series=series, panels="network", names=names)


register(
    "iterand-curves",
    Experiment(
        f"{TITLE}, section 5.2, Fig. 3b",
        budgets(
            _SETTINGS,
            smoke={**_CIFAR, "data": "digits", "augment": "crop", "epochs": 2},
            standard=_CIFAR,
        ),
        points=_points,
        run=_run,
        report=_report,
        prepare=checked(_points, by_epoch=True),
        choices={**CHOICES, "methods": ("edge-popup", "iterand")},
    ),
)
