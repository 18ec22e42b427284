"""The trials of a search: as rows, as a leaderboard, as progress while it runs."""

import sys
from collections.abc import Sequence
from typing import Any

from rich import progress
from tabulate import tabulate

Rows = Sequence[dict[str, Any]]

_STATUS = {"COMPLETED": "completed", "FAILED": "failed"}


def trial_row(trial: Any, epochs: int) -> dict[str, Any]:
    """A keras-tuner trial as a plain dict.

    Args:
        trial: The trial.
        epochs: Its epochs, unless hyperband gave it others.

    Returns:
        `trial` (from 1), `status` ("completed", "failed" or "unfinished"), `score` (validation accuracy of the best
        epoch, or None), `epochs`, `values` (what was searched) and `error` (the last line of a failure, or None).
    """
    status = _STATUS.get(trial.status, "unfinished")
    values = trial.hyperparameters.values
    error = (trial.message or "the validation accuracy is not a number").strip().splitlines()[-1]
    return {
        "trial": int(trial.trial_id) + 1,
        "status": status,
        "score": float(trial.score) if status == "completed" else None,
        "epochs": values.get("tuner/epochs", epochs),
        "values": {key: value for key, value in values.items() if not key.startswith("tuner/")},
        "error": error if status == "failed" else None,
    }


def ranked(rows: Rows) -> list[dict[str, Any]]:
    """The trials that succeeded, best first; of equal ones the longer and then the earlier."""
    done = [row for row in rows if row["status"] == "completed"]
    return sorted(done, key=lambda row: (-row["score"], -row["epochs"], row["trial"]))


def leaderboard(rows: Rows, style: str = "simple") -> str:
    """The trials that succeeded, best first, with what was searched (`style` as in tabulate)."""
    lines = [
        {"rank": rank, "trial": row["trial"], "val accuracy %": _percent(row), "epochs": row["epochs"]}
        | {key: _short(value) for key, value in row["values"].items()}
        for rank, row in enumerate(ranked(rows), 1)
    ]
    return tabulate(lines, headers="keys", tablefmt=style, disable_numparse=True)


def describe(row: dict[str, Any]) -> str:
    """A trial in one line: its number, its score or its error, and what was searched."""
    result = f"failed: {row['error']}" if row["status"] == "failed" else f"{_percent(row)} %"
    return f"trial {row['trial']} {result} ({', '.join(f'{k}={_short(v)}' for k, v in row['values'].items())})"


class Progress:
    """A line and a row for every trial that ends and, on a terminal, a bar; a context manager around a search.

    Args:
        trials: Trials in all.
        done: How many of them there are already.
        epochs: Epochs of a trial, as in `trial_row`.
    """

    def __init__(self, trials: int, done: int, epochs: int) -> None:
        columns = ("{task.description}", progress.BarColumn(), progress.MofNCompleteColumn())
        self._bar = progress.Progress(*columns, progress.TimeElapsedColumn(), disable=not sys.stdout.isatty())
        self._task = self._bar.add_task("search", total=trials, completed=done)
        self._epochs = epochs
        self.rows: list[dict[str, Any]] = []

    def __enter__(self) -> "Progress":
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, *error) -> None:
        """Leave the bar as it is."""
        self._bar.stop()

    def epoch(self, trial: Any, epoch: int) -> None:
        """Show that a trial has ended its `epoch`, counted from 0."""
        row = trial_row(trial, self._epochs)
        self._bar.update(self._task, description=f"trial {row['trial']}, epoch {epoch + 1} of {row['epochs']}")

    def end(self, trial: Any) -> None:
        """Print how a trial ended, and keep its row."""
        self.rows.append(trial_row(trial, self._epochs))
        self._bar.console.print(describe(self.rows[-1]), soft_wrap=True, markup=False, highlight=False)
        self._bar.advance(self._task)


def _percent(row: dict[str, Any]) -> str:
    return f"{100 * row['score']:.2f}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
