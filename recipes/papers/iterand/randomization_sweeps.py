"""Sweeps of IteRand's two settings: the rate r of redrawn weights (Fig. 1) and the period K_per of redraws (Fig. 4).

Accuracy is on the validation examples, as in the paper. The paper names KU weights for the rate; for the period it
names none, and KU is ours.
"""

from functools import partial

from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.iterand import TITLE
from zoo.recipes.papers.iterand.pruning_runs import CHOICES, SETTINGS, checked, run, with_finished
from zoo.recipes.reporting.sweep import write_report

_NAMES = {
    "rate": "share of pruned weights that a redraw changes",
    "period": "updates between redraws",
    "validation": "validation accuracy, %",
}
_SMALL = {"data": "digits", "augment": "crop", "networks": ["conv6"], "width": 0.25, "epochs": 1, "repetitions": 1}
_SHORT = {"networks": ["conv6"], "width": 0.25, "epochs": 5, "repetitions": 1}


def _points(settings: Settings, key: str) -> list[Row]:
    """Points, one per network, kernel and value; the other of the two settings is fixed."""
    fixed = {other: settings[other] for other in ("rate", "period") if other != key}
    return with_finished(
        settings,
        [
            {"network": network, "method": "iterand", "kernel": kernel, "width": settings["width"], key: value, **fixed}
            for value in settings[f"{key}s"]
            for network in settings["networks"]
            for kernel in settings["kernels"]
        ],
    )


def _run(settings: Settings, point: Row, seed: int, data_dir: str | None) -> list[Row]:
    return [run(settings, point, seed, data_dir)[0]]


def _add(name: str, section: str, *, key: str, settings: Settings, smoke: Settings, log: str = "") -> None:
    paper = {**SETTINGS, "kernels": ["ku"], "width": 1.0, **settings}
    points = partial(_points, key=key)
    register(
        name,
        Experiment(
            f"{TITLE}, {section}",
            budgets(paper, smoke={**_SMALL, **smoke}, standard=_SHORT),
            points=points,
            run=_run,
            report=partial(
                write_report, sweep=key, measure="validation", series=("network", "kernel"), log=log, names=_NAMES
            ),
            prepare=checked(points, by_epoch=True),
            choices=CHOICES,
        ),
    )


_add(
    "iterand-rate",
    "section 3, Fig. 1",
    key="rate",
    settings={"rates": [0.0, 0.01, 0.1, 1.0], "period": 300},
    smoke={"rates": [0.0, 1.0], "period": 3},
)
_add(
    "iterand-period",
    "appendix C.1, Fig. 4",
    key="period",
    settings={"periods": [1, 30, 300, 3000, 30000], "rate": 0.1},
    smoke={"periods": [1, 30]},
    log="x",
)
