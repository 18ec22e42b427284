"""The page of each model card of `saved_models/`, written before the site is read."""

import re
from pathlib import Path

from generated import write_pages
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from zoo.weights import pretrained


def _page(card: Path) -> str:
    text = re.sub(r"\A---\n.*?\n---\n+", "", card.read_text(encoding="utf-8"), flags=re.DOTALL)
    return text.replace("](picture.png)", f"](../../saved_models/{card.parent.name}/picture.png)")


def _index(names: list[str]) -> str:
    listed = "\n".join(names)
    return f"""# Model cards

What each file of pretrained weights is for, what it was measured to do, and what is not known of it. How they compare
is in [the table of all models](../models.md).

```{{toctree}}
:maxdepth: 1

{listed}
```
"""


def _write(app: Sphinx) -> None:
    cards = sorted(pretrained.folder().glob("*/README.md"))
    names = [card.parent.name for card in cards]
    pages = {f"{name}.md": _page(card) for name, card in zip(names, cards, strict=True)}
    write_pages(app, "cards", {"index.md": _index(names), **pages})


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write the pages before Sphinx looks for them."""
    app.connect("builder-inited", _write)
    return {"version": "1", "parallel_read_safe": True}
