"""Report on Table 3 of dropout CFNNs: our numbers beside the paper's, as pure functions of rows."""

from pathlib import Path

import numpy as np

from zoo.recipes.reporting.figure import figure
from zoo.recipes.reporting.markdown import table, write
from zoo.recipes.reporting.mean_and_deviation import with_deviation
from zoo.recipes.reporting.rows import Row, Rows, group_by

# Coin-Flipping Neural Networks, Table 3: (training, test) -> mean and standard deviation of random accuracy in %.
PAPER = {
    "cifar10": {
        ("standard", "standard"): (87.82, 0.65),
        ("standard", "mean"): (88.61, 0.10),
        ("standard", "majority"): (88.37, 0.18),
        ("majority", "standard"): (89.70, 0.39),
        ("majority", "mean"): (90.49, 0.12),
        ("majority", "majority"): (90.20, 0.14),
    },
    "cifar100": {
        ("standard", "standard"): (50.90, 0.03),
        ("standard", "mean"): (53.66, 0.24),
        ("standard", "majority"): (53.31, 0.16),
        ("majority", "standard"): (47.92, 1.78),
        ("majority", "mean"): (56.49, 0.57),
        ("majority", "majority"): (60.16, 0.67),
    },
}


def write_report(rows: Rows, out: Path) -> None:
    """Write `table.md` and `figure.png`."""
    write(out / "table.md", accuracy_table(rows))
    plot_accuracy(rows, out / "figure.png")


def accuracy_table(rows: Rows) -> str:
    """Table with a line per training and test: our accuracy with its interval, and the paper's number, if any."""
    settings = rows[0]["settings"]
    data, paper = settings["data"], PAPER.get(settings["data"], {})
    lines = []
    for (training, test), cell in _cells(rows).items():
        found = [row["accuracy"] for row in cell]
        low, high = (100 * np.mean([row[end] for row in cell]) for end in ("low", "high"))
        correct, n = "+".join(str(row["correct"]) for row in cell), cell[0]["n"]
        line = [training, test, _text(_values(cell, "samples")), _text(_values(cell, "epochs")), len(cell)]
        line += [with_deviation(found, ".2f", ".2f"), f"{low:.2f} - {high:.2f}", f"{correct} of {n}"]
        if paper:
            wanted, deviation = paper[training, test]
            line += [f"{wanted:.2f} ± {deviation:.2f}", f"{np.mean(found) - wanted:+.2f}"]
        lines.append(line)
    heads = ["training", "test", "flips", "epochs", "runs", "accuracy, %", "95 % interval", "correct"]
    heads += ["paper, %", "difference"] if paper else []
    caption = (
        f"cfnn-table3, {data}: ResNet-{settings['depth']} with dropout. Accuracy: mean ± standard deviation over runs. "
        "Interval: Wilson's, over the images of one run (mean of the runs' ends). "
        "Test standard: coins off; mean, majority: of the flips."
    )
    return table(caption, lines, heads)


def plot_accuracy(rows: Rows, path: Path) -> None:
    """Draw accuracy by test, a colour per training and a point per run; crosses are the paper's numbers."""
    settings = rows[0]["settings"]
    paper = PAPER.get(settings["data"], {})
    tests = ["standard", "mean", "majority"]
    with figure(path, title=f"cfnn-table3, {settings['data']}, depth {settings['depth']}", figsize=(6, 4)) as (axes,):
        for shift, training in ((-0.1, "standard"), (0.1, "majority")):
            cells = {test: cell for (one, test), cell in _cells(rows).items() if one == training}
            if not cells:
                continue
            places = [tests.index(test) + shift for test in cells]
            means = [float(np.mean([row["accuracy"] for row in cell])) for cell in cells.values()]
            ends = [[100 * np.mean([row[end] for row in cell]) for cell in cells.values()] for end in ("low", "high")]
            error = np.abs(np.array(ends) - means)
            label = f"trained by {'one flip' if training == 'standard' else 'majority'}"
            drawn = axes.errorbar(places, means, error, fmt="o", capsize=4, label=label)
            colour = drawn[0].get_color()
            for place, cell in zip(places, cells.values(), strict=True):
                axes.plot([place] * len(cell), [row["accuracy"] for row in cell], ".", color=colour, alpha=0.5)
            if paper:
                wanted = [paper[training, test][0] for test in cells]
                axes.plot(places, wanted, "x", color=colour, label="the same in the paper")
        axes.set_xticks(range(len(tests)), ["standard (coins off)", "mean", "majority"])
        axes.set(xlabel="test", xlim=(-0.5, len(tests) - 0.5), ylabel="test accuracy, % (bar: 95 % interval)")
        axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def _cells(rows: Rows) -> dict[tuple[str, str], list[Row]]:
    """(training, test) -> its rows, one per run, in the paper's order."""
    cells = group_by(rows, "training", "test")
    return {key: cells[key] for key in PAPER["cifar10"] if key in cells}


def _values(cell: Rows, key: str) -> list:
    return list(dict.fromkeys(row[key] for row in cell))


def _text(values: list) -> str:
    return ", ".join("not known" if value is None else str(value) for value in values)
