"""Links of the pages to files of the repository, pointed to the site's pages that are made of them.

A page links what is in the repository, so that its links lead somewhere wherever the page is read.
"""

import re

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_MADE = [
    (r"recipes/papers/(\w+)/results/([^/)]+)/README\.md", "papers/{0}.md#{1}"),
    (r"recipes/papers/(\w+)/README\.md", "papers/{0}.md"),
    (r"recipes/papers", "papers/index.md"),
    (r"saved_models/([^/)]+)/README\.md", "cards/{0}.md"),
    (r"saved_models", "cards/index.md"),
    (r"zoo/__init__\.py", "reference/index.rst"),
]  # link from the root of the repository -> link from `docs`


def _point(app: Sphinx, docname: str, source: list[str]) -> None:
    for file, page in _MADE:
        link = re.compile(rf"\]\(\.\./((?:\.\./)*){file}\)")
        source[0] = link.sub(lambda found, page=page: f"]({found[1]}{page.format(*found.groups()[1:])})", source[0])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Point the links of each page when it is read."""
    app.connect("source-read", _point)
    return {"version": "1", "parallel_read_safe": True}
