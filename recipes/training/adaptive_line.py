"""Result line of an adaptive vote."""

from typing import Any

import numpy as np

from zoo.amplification.election import CERTIFIED, STATUSES, AdaptiveVote
from zoo.scores.wilson_interval import wilson


def adaptive_line(found: AdaptiveVote, labels: np.ndarray) -> dict[str, Any]:
    """Return how often an adaptive vote is right, how many flips it took and how it ended.

    Args:
        found: What `zoo.adaptive_vote` found, one class per example.
        labels: Class indices `(examples,)`.

    Returns:
        `vote` "adaptive"; `samples`, the mean number of flips; the accuracy of all examples with its Wilson interval;
        the share of examples of each status; `certified_accuracy`, the accuracy of the certified examples, None
        without any. What is certified is the model's own mode, so this may be lower than 1 - error.
    """
    right, certified = found.classes == labels, found.status == CERTIFIED
    return {
        "samples": float(found.samples.mean()),
        "vote": "adaptive",
        **wilson(int(right.sum()), len(labels))._asdict(),
        **{status: float((found.status == status).mean()) for status in STATUSES},
        "certified_accuracy": float(right[certified].mean()) if certified.any() else None,
    }
