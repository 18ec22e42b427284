"""Page on the evaluation of a model: one HTML file that needs no other."""

from pathlib import Path
from typing import Any

from zoo.files import atomic
from zoo.recipes.reporting.evaluation import Evaluation
from zoo.recipes.reporting.page_examples import examples
from zoo.recipes.reporting.page_sections import sections
from zoo.recipes.reporting.rows import Rows
from zoo.recipes.reporting.votes import adaptive_sentence, coins_sentence, label

_PIXELATED = 64  # images of fewer pixels a side are shown with their pixels


def write_page(path: str | Path, found: Evaluation) -> None:
    """Write the page of an evaluation, which is then whole or not there.

    It has what applies: without flips no figures of them, without an adaptive vote or without images no examples.
    """
    import jinja2  # only who asks for a page needs it

    template = Path(__file__).with_name("page.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["unbroken"] = lambda text: str(text).replace(" %", "\N{NO-BREAK SPACE}%")
    text = environment.from_string(template).render(_content(found))
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")


def _content(found: Evaluation) -> dict[str, Any]:
    row, shown = found.rows[0], examples(found)
    height, width = found.x.shape[1:3] if shown else (1, 1)
    sentences = (_headline(found.rows), coins_sentence(found.rows), adaptive_sentence(found.rows))
    return {
        "title": f"{row['model']} on {Path(row['data']).name or 'its data'}",
        "subtitle": f"{row['n']} examples of the {row['split']} split",
        "findings": [sentence for sentence in sentences if sentence],
        "sections": sections(found),
        "examples": shown,
        "aspect": f"{width} / {height}",
        "rendering": "pixelated" if max(height, width) < _PIXELATED else "auto",
        "facts": _facts(found),
    }


def _headline(rows: Rows) -> str:
    """Sentence on the vote of most flips, beside one flip of it, or on the only line."""
    voted = [row for row in rows if row["vote"] in ("majority", "mean")]
    best = max(voted, key=lambda row: row["samples"], default=rows[0])
    one = [row for row in voted if row["vote"] == best["vote"] and row["samples"] == 1 < best["samples"]]
    beside = f"One flip is right on {100 * one[0]['accuracy']:.2f} % of {best['n']} examples; " if one else ""
    interval = f"95 % interval {100 * best['low']:.2f} to {100 * best['high']:.2f}"
    if best["vote"] in ("expected", "none"):
        name = "With coins off the model" if best["vote"] == "expected" else "The model"
    else:
        name = f"{'the' if one else 'The'} {label(best)}"
    of_all = "" if one else f" of {best['n']} examples"
    return f"{beside}{name} is right on {100 * best['accuracy']:.2f} %{of_all} ({interval})."


def _facts(found: Evaluation) -> list[tuple[str, str]]:
    row = found.rows[0]
    facts = {
        "Model": row["model"],
        "Weights": found.weights,
        "Recipe": row["recipe"],
        "Data": f"{row['data']}, {row['split']} split, {row['n']} examples, {len(found.names)} classes",
        "Command": row["command"],
        "Seed": "none" if row["seed"] is None else str(row["seed"]),
        "Machine": row["machine"],
        "Versions": ", ".join(f"{name} {version}" for name, version in row["versions"].items()),
    }
    return [(name, value) for name, value in facts.items() if value]
