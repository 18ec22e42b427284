"""Table of all experiments: place in the paper, data, minutes and committed rows."""

from zoo.recipes.experiments.committed import committed
from zoo.recipes.experiments.experiment import Experiment, find, names
from zoo.recipes.reporting.text_table import aligned


def catalogue() -> str:
    """Text with a table per paper; in a checkout also the folders of committed rows."""
    folders: dict[str, list[str]] = {}
    kept = committed()
    for folder, rows in kept:
        folders.setdefault(rows[0]["recipe"], []).append(folder)
    papers: dict[str, list[list[str]]] = {}
    for name in sorted(names(), key=_natural):
        experiment = find(name)
        title, _, place = experiment.paper.partition(", ")
        line = [name, place, _data(experiment), *(_minutes(experiment, budget) for budget in experiment.settings)]
        papers.setdefault(title, []).append([*line, *(["\n".join(folders.get(name, ["no"]))] if kept else [])])
    heads = ["experiment", "place", "data", "smoke", "standard", "paper", *(["rows committed"] if kept else [])]
    widths = [None, 44, None, None, None, None, None][: len(heads)]
    tables = [f"{title}\n\n{aligned(lines, heads, maxcolwidths=widths)}" for title, lines in papers.items()]
    note = (
        "Columns of budgets: minutes of the committed rows, 2 cores of a CPU, beside other work in some. "
        "`zoo show NAME` prints the settings."
    )
    return "\n\n".join([*tables, note])


def _natural(name: str) -> tuple:
    """Key that sorts fig2 before fig10."""
    head = name.rstrip("0123456789")
    return head, int(name[len(head) :] or 0)


def _data(experiment: Experiment) -> str:
    """Data of smoke, standard and paper, named once where they agree."""
    if experiment.data:
        return experiment.data
    every = [settings.get("data", "none") for settings in experiment.settings.values()]
    return "; ".join(dict.fromkeys(every))


def _minutes(experiment: Experiment, budget: str) -> str:
    minutes = experiment.minutes.get(budget)
    if minutes is None:
        return "not measured"
    return f"{minutes:.2g}" if minutes < 10 else f"{minutes:.0f}"
