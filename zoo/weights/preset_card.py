"""The card of a preset, whose head hubs read."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def preset_card(config: dict[str, Any], results: Sequence[Mapping[str, Any]], license: str) -> str:
    """Return the model card: a YAML head, of which JSON is a part, and how to load the preset.

    Args:
        config: What `preset.json` holds.
        results: Lines of results.
        license: Identifier of the license, or "".
    """
    measured = [
        {
            "task": {"type": "image-classification"},
            "dataset": {"name": row["data"], "type": row["data"], "split": row.get("split", "test")},
            "metrics": [{"type": "accuracy", "value": row["accuracy"], "name": _vote(row)}],
        }
        for row in results
    ]
    head = {"library_name": "keras", "tags": ["coinflip-zoo", "keras", config["model"]]}
    head |= {"license": license} if license else {}
    head |= {"model-index": [{"name": config["model"], "results": measured}]} if measured else {}
    lines = "\n".join(f"{key}: {json.dumps(value)}" for key, value in head.items())
    rows = [f"| {row['data']} | {_vote(row)} | {row['accuracy']:.4f} | {row.get('n', '')} |\n" for row in results]
    table = "".join(["\n| data | vote | accuracy | examples |\n|---|---|---|---|\n", *rows]) if rows else ""
    options = "\n".join(
        f"- {key}: `{json.dumps(one)}`" for key, one in {**config["options"], **config["defaults"]}.items()
    )
    return f"""---
{lines}
---
# {config["model"]}

{config["parameters"]:,} parameters. `zoo.build("{config["model"]}", weights="hf://USER/REPOSITORY")`, of the package
coinflip-zoo; SHA-256 of the weights `{config["sha256"]}`.
{table}
## Options

{options}
"""


def _vote(row: Mapping[str, Any]) -> str:
    vote = row.get("vote", "none")
    return "one flip or none" if vote == "none" else f"{vote} of {row.get('samples', 1)}"
