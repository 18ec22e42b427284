"""Report on pruning: accuracy by network, method, kernel and width, ours beside the paper's."""

from pathlib import Path

import numpy as np

from zoo.recipes.papers.iterand.pruning_paper import PRINTED, Printed
from zoo.recipes.reporting.figure import figure
from zoo.recipes.reporting.markdown import table, write
from zoo.recipes.reporting.mean_and_deviation import deviation, with_deviation
from zoo.recipes.reporting.rows import Row, Rows, group_by

Key = tuple[str, str, str, float]  # network, method, kernel, width


def write_report(rows: Rows, out: Path) -> None:
    """Write `table.md`, and `figure.png` with accuracy against the width (Fig. 2)."""
    write(out / "table.md", accuracy_table(rows))
    plot_widths(rows, out / "figure.png")


def accuracy_table(rows: Rows) -> str:
    """Table with a line per cell: our accuracy with its interval, and the paper's number, if it has one."""
    paper = _printed(rows)
    lines = []
    for key, cell in _cells(rows).items():
        found = [row["accuracy"] for row in cell]
        low, high = (100 * np.mean([row[end] for row in cell]) for end in ("low", "high"))
        epochs = ", ".join(str(n) for n in dict.fromkeys(row["epochs"] for row in cell))
        correct = "+".join(str(row["correct"]) for row in cell)
        line = [
            *key[:3],
            f"{key[3]:g}",
            epochs,
            len(cell),
            with_deviation(found, ".2f", ".2f"),
            f"{low:.2f} - {high:.2f}",
        ]
        line.append(f"{correct} of {cell[0]['n']}")
        if paper:
            line += (
                [_printed_text(paper[key]), f"{np.mean(found) - paper[key].mean:+.2f}"] if key in paper else ["", ""]
            )
        lines.append(line)
    heads = ["network", "method", "weights", "width", "epochs", "runs", "accuracy, %", "95 % interval", "correct"]
    heads += ["paper, %", "difference"] if paper else []
    caption = (
        f"{rows[0]['recipe']}, {_data(rows)}: test accuracy of the last epoch, mean ± standard deviation over runs. "
        "Interval: Wilson's, over the images of one run (mean of the runs' ends)."
    )
    return table(caption, lines, heads)


def plot_widths(rows: Rows, path: Path) -> None:
    """Draw accuracy against the width, axes per network and a line per method and kernel; the paper's are dashed."""
    cells, paper = _cells(rows), _printed(rows)
    networks = list(dict.fromkeys(key[0] for key in cells))
    lines = list(dict.fromkeys(key[1:3] for key in cells))
    with figure(path, len(networks), f"{rows[0]['recipe']}, {_data(rows)}") as all_axes:
        for axes, network in zip(all_axes, networks, strict=True):
            for place, line in enumerate(lines):
                keys = [key for key in cells if key[0] == network and key[1:3] == line]
                keys.sort(key=lambda key: key[3])
                found = [[row["accuracy"] for row in cells[key]] for key in keys]
                spread = [deviation(one) for one in found]
                look = {"color": f"C{place}", "label": ", ".join(line)}
                axes.errorbar([key[3] for key in keys], [np.mean(one) for one in found], spread, fmt="o-", **look)
                known = sorted(key for key in paper if key[0] == network and key[1:3] == line)
                means = [paper[key].mean for key in known]
                axes.plot([key[3] for key in known], means, "x--", color=f"C{place}", linewidth=0.8)
            axes.set(title=network, xlabel="width", xscale="log")
            widths = sorted({key[3] for key in (*cells, *paper) if key[0] == network})
            axes.set_xticks(widths, [f"{width:g}" for width in widths])
            axes.minorticks_off()
        all_axes[0].set(ylabel="test accuracy, %")
        if paper:
            all_axes[0].plot([], [], "x--", color="gray", linewidth=0.8, label="the same in the paper")
        all_axes[0].legend(title="bar: standard deviation")


def _cells(rows: Rows) -> dict[Key, list[Row]]:
    return group_by(rows, "network", "method", "kernel", "width")


def _printed(rows: Rows) -> dict[Key, Printed]:
    return PRINTED.get(rows[0]["settings"]["data"], {})


def _data(rows: Rows) -> str:
    return Path(rows[0]["settings"]["data"]).name


def _printed_text(printed: Printed) -> str:
    return f"{printed.mean:.2f}" + ("" if printed.deviation is None else f" ± {printed.deviation:.2f}")
