"""IteRand against edge-popup and SGD: CIFAR-10 by width (Table 3 and Fig. 2) and ImageNet (Table 4 and Fig. 3a)."""

from pathlib import Path

from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.iterand import TITLE
from zoo.recipes.papers.iterand.pruning_paper import PARAMETERS, TABLE4
from zoo.recipes.papers.iterand.pruning_report import accuracy_table, write_report
from zoo.recipes.papers.iterand.pruning_runs import (
    CHOICES,
    KERNELS,
    METHODS,
    NETWORKS,
    SETTINGS,
    checked,
    run,
    with_finished,
)
from zoo.recipes.reporting.figure import figure
from zoo.recipes.reporting.markdown import write

_TABLE3: Settings = {
    **SETTINGS,
    "methods": list(METHODS),
    "kernels": list(KERNELS),
    "widths": [0.25, 0.5, 1.0, 2.0],
}
_TABLE4: Settings = {
    **{**_TABLE3, "recipes": "imagenet2012", "data": "imagenet2012", "networks": list(NETWORKS["imagenet2012"])},
    **{"widths": [1.0], "epochs": 105, "repetitions": 1},
}
_SMALL = {"data": "digits", "augment": "crop", "widths": [0.25], "epochs": 1, "repetitions": 1}


def _every_cell(settings: Settings) -> list[Row]:
    """Points: all networks, methods, kernels and widths; SGD has ordinary weights, which the paper lists as KU."""
    pairs = [(method, kernel) for method in settings["methods"] for kernel in settings["kernels"] if method != "sgd"]
    pairs += [("sgd", "ku")] if "sgd" in settings["methods"] else []
    return with_finished(
        settings,
        [
            {"network": network, "method": method, "kernel": kernel, "width": width}
            for width in settings["widths"]
            for network in settings["networks"]
            for method, kernel in pairs
        ],
    )


def _printed_cells(settings: Settings) -> list[Row]:
    """Points: the cells of Table 4 of the networks, methods and kernels asked for, at every width."""
    return with_finished(
        settings,
        [
            {"network": network, "method": method, "kernel": kernel, "width": width}
            for width in settings["widths"]
            for network, method, kernel, _ in TABLE4
            if network in settings["networks"] and method in settings["methods"] and kernel in settings["kernels"]
        ],
    )


def _run(settings: Settings, point: Row, seed: int, data_dir: str | None) -> list[Row]:
    return [run(settings, point, seed, data_dir)[0]]


def _report_parameters(rows: list[Row], out: Path) -> None:
    """Write the table, and draw accuracy against the number of weights that remain (Fig. 3a), by the paper's count."""
    write(out / "table.md", accuracy_table(rows))
    with figure(out / "figure.png", title=rows[0]["recipe"], figsize=(6, 4)) as (axes,):
        for method in METHODS:
            line = [row for row in rows if row["method"] == method and row["width"] == 1]
            millions = [PARAMETERS[row["network"], method != "sgd"] for row in line]
            axes.plot(millions, [row["accuracy"] for row in line], "o", label=method)
        axes.set(xlabel="weights, millions (Table 4)", ylabel="test accuracy, %")
        axes.legend()


register(
    "iterand-table3",
    Experiment(
        f"{TITLE}, appendix B.3, Table 3, and section 5.1, Fig. 2",
        budgets(
            _TABLE3,
            smoke={**_SMALL, "networks": ["conv6"], "kernels": ["sc"]},
            standard={"networks": ["conv6"], "widths": [0.25], "epochs": 5, "repetitions": 1},
        ),
        points=_every_cell,
        run=_run,
        report=write_report,
        prepare=checked(_every_cell),
        choices=CHOICES,
    ),
)
register(
    "iterand-table4",
    Experiment(
        f"{TITLE}, appendix B.3, Table 4, and section 5.2, Fig. 3a",
        budgets(
            _TABLE4,
            smoke={**_SMALL, "networks": ["resnet18"], "widths": [0.125]},
            standard={"networks": ["resnet18", "resnet34"], "epochs": 20},
        ),
        points=_printed_cells,
        run=_run,
        report=_report_parameters,
        prepare=checked(_printed_cells),
        choices=CHOICES,
    ),
)
