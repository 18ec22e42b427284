"""Helpers of tests that run experiments: small registries and data, and the parts of rows and tables to compare."""

import numpy as np

from zoo.recipes import papers
from zoo.recipes.experiments import experiment as registry

REPORT = ["figure.png", "results.jsonl", "settings.json", "table.md"]  # files that most experiments write


def register_only(monkeypatch, **experiments):
    """Let these be all experiments there are, for one test."""
    monkeypatch.setattr(registry, "_EXPERIMENTS", experiments)
    monkeypatch.setattr(papers, "EXPERIMENTS", ())


def write_images(path, x, y, train=40):
    """Write a data set of images, the first `train` of them to train on, and return the settings that choose it."""
    np.savez(path, x_train=x[:train], y_train=y[:train], x_test=x[train:], y_test=y[train:])
    return {"data": str(path), "samples": 0, "test_samples": 0}


def run_seed(seed=0, repetition=0):
    """Seed of a run, as `reproduce` derives it."""
    return int(np.random.SeedSequence([seed, repetition]).generate_state(1)[0])


def stable(rows, *others):
    """Rows without what differs in every call, and without some other keys."""
    volatile = {"seconds", "command", *others}
    return [{key: value for key, value in row.items() if key not in volatile} for row in rows]


def files(folder):
    """Sorted names of the files in a folder, but for its lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def cells(text):
    """Cells of the lines of Markdown tables, without the lines below the heads."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("|") and not line.startswith("|-")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
