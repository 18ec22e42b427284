"""The page of each paper: what it says, what was found, and every table and figure beside its recipes."""

import json
import re
from pathlib import Path

from generated import write_pages
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from zoo.recipes.experiments.committed import FOLDER, committed
from zoo.recipes.experiments.coverage import PLACES, command, covered

TITLES = {
    "coin_flipping": "Coin-Flipping Neural Networks",
    "modularity": "On the Modularity of Hypernetworks",
    "expressivity": "On the Expressive Power of Deep Neural Networks",
    "simplicity": "Random deep neural networks are biased towards simple functions",
    "iterand": "Pruning Randomly Initialized Neural Networks with Iterative Randomization",
}  # folder -> the title that PLACES has
_LONG = 14  # lines of a table that is folded


def page(folder: str) -> str:
    """Return a paper's page in Markdown, from the files in its folder and the rows of its results."""
    place = FOLDER / folder
    own = (place / "README.md").read_text(encoding="utf-8")
    _, text = own.split("\n", 1)
    results = sorted(path.parent for path in place.glob("results/**/results.jsonl"))
    parts = [f"# {TITLES[folder]}", _linked(text, place), _coverage(TITLES[folder])]
    parts += ["## Results, folder by folder", *(_section(one, place) for one in results)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _linked(text: str, place: Path) -> str:
    """Point links to a folder's text to the section with that text; the titles of sections are folders' names."""
    return re.sub(r"\]\(results/([^/)]+)/README\.md\)", r"](#\1)", text)


def _coverage(title: str) -> str:
    kept = committed()
    lines = ["| in the paper | command | run | at the paper's settings | note |", "|---|---|---|---|---|"]
    for one in PLACES[title]:
        cells, run, exact = covered(one, kept)
        counts = (f"{run} of {cells}", f"{exact} of {cells}") if one.experiment else ("-", "-")
        what = f"`{command(one)}`" if one.experiment else "none"
        lines.append("| " + " | ".join([one.name, what, *counts, one.note]) + " |")
    return "\n".join(
        [
            "## Every table and figure of the paper",
            "",
            "A cell is a point of an experiment, such as a cell of a table. It was run if a committed row has it,",
            "often with fewer epochs or images than the paper, which the column after that does not count.",
            "",
            *lines,
        ]
    )


def _section(folder: Path, place: Path) -> str:
    name = folder.relative_to(place / "results").as_posix()
    name = place.name if name == "." else name
    above = f"../../recipes/papers/{folder.relative_to(FOLDER).as_posix()}"
    commands = dict.fromkeys(row["command"] for row in _rows(folder) if row.get("command"))
    parts = [f"### {name}"]
    if len(commands) == 1:
        parts.append(f"```text\n{next(iter(commands))}\n```")
    parts += [f"![{path.stem} of {name}]({above}/{path.name})" for path in sorted(folder.glob("*.png"))]
    if (folder / "table.md").is_file():
        parts.append(_table((folder / "table.md").read_text(encoding="utf-8")))
    if (folder / "README.md").is_file():
        parts.append(_demoted((folder / "README.md").read_text(encoding="utf-8")))
    return "\n\n".join(parts)


def _rows(folder: Path) -> list[dict]:
    lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def _table(text: str) -> str:
    """Return a table, or several; long ones are folded."""
    text = _demoted(text)
    if text.count("\n|") <= _LONG:
        return text
    return f"<details><summary>The numbers</summary>\n\n{text}\n\n</details>"


def _demoted(text: str) -> str:
    """Make headings bold lines: the headings of the page are the folders."""
    return re.sub(r"^#+ +(.+)$", r"**\1**", text.strip(), flags=re.MULTILINE)


def _index() -> str:
    listed = "\n".join(TITLES)
    return f"""# Papers

What five papers say, what was found here, and how much of each was run. The pages are made of the rows, tables and
figures beside the recipes; `zoo reproduce --coverage` prints the same counts, `zoo reproduce --list` the experiments.

```{{toctree}}
:maxdepth: 1

{listed}
```
"""


def _write(app: Sphinx) -> None:
    write_pages(app, "papers", {"index.md": _index(), **{f"{folder}.md": page(folder) for folder in TITLES}})


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write the pages before Sphinx looks for them."""
    app.connect("builder-inited", _write)
    return {"version": "1", "parallel_read_safe": True}
