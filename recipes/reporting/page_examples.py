"""The least and the most certain images of an adaptive vote, as the page shows them."""

from typing import Any

import numpy as np

from zoo.amplification.election import CERTIFIED, AdaptiveVote
from zoo.recipes.reporting.by_certainty import both_ends, by_certainty
from zoo.recipes.reporting.evaluation import Evaluation
from zoo.recipes.reporting.inline_picture import data_uri
from zoo.recipes.reporting.thumbnails import as_png, thumbnails

_SHOWN, _VOTES = 12, 3  # images of each end, and classes of an image


def examples(found: Evaluation) -> list[dict[str, Any]]:
    """Return groups of images: least certain, most certain, and certified ones of another label, if there are any.

    There is none without an adaptive vote or where examples are no images.
    """
    if found.adaptive is None:
        return []
    order = by_certainty(found.adaptive)
    other = (found.adaptive.status == CERTIFIED) & (found.adaptive.classes != found.labels)
    least, most = both_ends(order, _SHOWN)
    ends = {
        "The least certain": least,
        "The most certain": most,
        "Certified, and not the label": order[other[order]][::-1][:_SHOWN],
    }
    groups = []
    for number, (title, rows) in enumerate(ends.items()):
        if not len(rows):
            continue
        images = thumbnails(found.x, rows)
        if images is None:
            return []
        shown = [_example(found, found.adaptive, int(row), image) for row, image in zip(rows, images, strict=True)]
        groups.append({"id": f"images-{number}", "title": title, "images": shown})
    return groups


def _example(found: Evaluation, vote: AdaptiveVote, row: int, image: np.ndarray) -> dict[str, Any]:
    names, true, voted = found.names, int(found.labels[row]), int(vote.classes[row])
    shares = vote.counts[row] / vote.counts[row].sum()
    leading = [int(one) for one in np.argsort(-shares, kind="stable")[:_VOTES] if shares[one] > 0]
    if true not in leading and shares[true] > 0:
        leading[-1] = true
    votes = [
        {"name": names[one], "share": _percent(shares[one]), "width": f"{100 * shares[one]:.1f}", "true": one == true}
        for one in leading
    ]
    said = ", ".join(f"{one['share']} for {one['name']}" for one in votes)
    flips = "1 flip" if vote.samples[row] == 1 else f"{vote.samples[row]} flips"
    return {
        "source": data_uri(as_png(image), "image/png"),
        "finding": f"Example {row}, labelled {names[true]}. Votes: {said}.",
        "true": names[true] if voted == true else f"{names[true]}, voted {names[voted]}",
        "votes": votes,
        "flips": f"{flips}, {vote.status[row]}",
    }


def _percent(share: float) -> str:
    """Share in %, which is 100 % or 0 % only if it is whole."""
    return f"{np.clip(100 * share, 0.1, 99.9):.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"
