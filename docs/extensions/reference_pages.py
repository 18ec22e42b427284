"""The pages of the reference: one per module, with every public name of it, written before the site is read."""

import inspect

from docstrings import to_restructured_text
from generated import write_pages
from public_names import Page, find, links, members, pages
from sphinx.application import Sphinx
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.util.typing import ExtensionMetadata


def _entry(name: str) -> str:
    one = find(name)
    if "." not in name:  # some builders are made by a function and are in no module
        text = GoogleDocstring(to_restructured_text(inspect.getdoc(one).split("\n"), links()))
        signature = inspect.signature(one).replace(return_annotation=inspect.Signature.empty)
        lines = [f".. py:function:: {name}{signature}", ""]
        return "\n".join([*lines, *(f"   {line}" for line in text.lines()), ""])
    if not inspect.isclass(one):
        return f".. autofunction:: {name}\n"
    own = ", ".join(dict.fromkeys(members(one)))
    return f".. autoclass:: {name}\n" + (f"   :members: {own}\n" if own else "")


def _text(page: Page) -> str:
    lines = [page.title, "=" * len(page.title), "", page.about, ""]
    lines += [".. list-table::", "   :widths: auto", ""]
    for name in page.names:
        short = name.rsplit(".", 1)[-1]
        first = (inspect.getdoc(find(name)) or "").split("\n\n")[0].replace("\n", " ")
        first = first.replace("`", "``").replace("|", r"\|").replace("*", r"\*")
        lines += [f"   * - :py:obj:`{short} <{name}>`", f"     - {first}"]
    return "\n".join([*lines, "", *map(_entry, page.names)])


def _index() -> str:
    files = "\n".join(f"   {page.file}" for page in pages())
    return f"""Reference
=========

Every public name, from its docstring; the examples are run by the tests.

.. toctree::
   :maxdepth: 1

{files}
"""


def _write(app: Sphinx) -> None:
    write_pages(app, "reference", {"index.rst": _index(), **{f"{page.file}.rst": _text(page) for page in pages()}})


def _process(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = to_restructured_text(lines, links())


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write the pages before Sphinx looks for them, and read docstrings before napoleon does."""
    app.connect("builder-inited", _write)
    app.connect("autodoc-process-docstring", _process, priority=100)
    return {"version": "1", "parallel_read_safe": True}
