"""An evaluation that no model made: flips of known probabilities, and adaptive votes of every status."""

import numpy as np

from zoo import scores
from zoo.amplification.election import STATUSES, AdaptiveVote
from zoo.recipes.reporting.evaluation import Evaluation
from zoo.recipes.training.adaptive_line import adaptive_line
from zoo.scores.wilson_interval import wilson

ABOUT = {
    "recipe": "", "model": "a model", "data": "here/data.npz", "split": "test", "seed": 3, "seconds": 1.5,
    "backend": "none", "versions": {"keras": "3.1"}, "machine": "CPU, 2 cores", "command": "zoo evaluate a",
}  # fmt: skip


def adaptive_vote(n=40, classes=3):
    """Example i took i + 1 flips, all for class 0 but i // 2 for class 1; every fourth has each status."""
    samples = np.arange(1, n + 1)
    counts = np.zeros((n, classes))
    counts[:, 1] = (samples - 1) // 2
    counts[:, 0] = samples - counts[:, 1]
    status = np.array(STATUSES)[np.arange(n) % len(STATUSES)]
    return AdaptiveVote(np.zeros(n, int), samples, status, counts, np.zeros(n), np.ones(n))


def evaluation(n=40, samples=12, names=("zero", "one", "two"), x=None, **about):
    """Majorities of 1 and of all flips, coins off and an adaptive vote."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(names), n)
    flips = np.where(rng.random((n, samples)) < 0.7, labels[:, None], rng.integers(0, len(names), (n, samples)))
    curves = []
    for vote, count in (("majority", 1), ("majority", samples), ("expected", 1)):
        shares = np.eye(len(names))[flips[:, :count]].mean(1)
        right = shares.argmax(-1) == labels
        row = {"samples": count, "vote": vote, **wilson(int(right.sum()), n)._asdict()}
        row |= {"nll": 0.5, "nll_floor": 0.001, "brier": 0.25, "ece": 0.01, "aurc": 0.02}
        row |= {} if vote == "expected" else {"disagreement": 0.5, "winning_share": 0.75}
        curves.append((row, (scores.reliability(shares, labels), scores.risk_coverage(shares.max(-1), right))))
    found = adaptive_vote(n, len(names))
    options = {"error": 0.01, "max_samples": n, "margin": 0.0}
    rows = [row for row, _ in curves] + [{**adaptive_line(found, labels), **options}]
    rows = [{**ABOUT, **row, **about} for row in rows]
    x = rng.integers(0, 256, (n, 8, 8, 1)).astype("uint8") if x is None else x
    return Evaluation(rows, curves, x, labels, names, flips, found, "weights")
