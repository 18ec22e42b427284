"""The page of each paper: what it says, what was found, and every table and figure beside its recipes."""

import re

from generated import write_pages
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from zoo.recipes.experiments.committed import FOLDER, Committed, committed
from zoo.recipes.experiments.coverage import PLACES, command, covered

TITLES = {
    "coin_flipping": "Coin-Flipping Neural Networks",
    "modularity": "On the Modularity of Hypernetworks",
    "expressivity": "On the Expressive Power of Deep Neural Networks",
    "simplicity": "Random deep neural networks are biased towards simple functions",
    "iterand": "Pruning Randomly Initialized Neural Networks with Iterative Randomization",
}  # folder -> the title that PLACES has
_LONG = 14  # lines of a table that is folded


def page(folder: str, kept: list[Committed]) -> str:
    """Return a paper's page in Markdown, from the files in its folder and the rows that are committed."""
    _, text = (FOLDER / folder / "README.md").read_text(encoding="utf-8").split("\n", 1)
    parts = [f"# {TITLES[folder]}", _linked(text), _coverage(TITLES[folder], kept)]
    own = (one for one in kept if one.folder.startswith(f"{folder}/"))
    parts += ["## Results, folder by folder", *map(_section, own)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _linked(text: str) -> str:
    """Point links to a folder's text to the section with that text; the titles of sections are folders' names."""
    return re.sub(r"\]\((?:results|\.\.)/([^/)]+)/README\.md\)", r"](#\1)", text)


def _coverage(title: str, kept: list[Committed]) -> str:
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


def _section(one: Committed) -> str:
    paper, _, name = one.folder.partition("/results")
    name = name.removeprefix("/") or paper
    folder, above = FOLDER / one.folder, f"../../recipes/papers/{one.folder}"
    commands = dict.fromkeys(row["command"] for row in one.rows if row.get("command"))
    parts = [f"### {name}"]
    if len(commands) == 1:
        parts.append(f"```text\n{next(iter(commands))}\n```")
    parts += [f"![{path.stem} of {name}]({above}/{path.name})" for path in sorted(folder.glob("*.png"))]
    if (folder / "table.md").is_file():
        parts.append(_table((folder / "table.md").read_text(encoding="utf-8")))
    if (folder / "README.md").is_file():
        parts.append(_demoted(_linked((folder / "README.md").read_text(encoding="utf-8"))))
    return "\n\n".join(parts)


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
    kept = committed()
    write_pages(app, "papers", {"index.md": _index(), **{f"{folder}.md": page(folder, kept) for folder in TITLES}})


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write the pages before Sphinx looks for them."""
    app.connect("builder-inited", _write)
    return {"version": "1", "parallel_read_safe": True}
