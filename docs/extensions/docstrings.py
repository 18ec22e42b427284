"""The docstrings of the project as Sphinx reads them: `x` is code, and a link where it names something public.

The docstrings are plain text with Markdown's code marks, as `help()` and `zoo.card` show them.
"""

import re
from collections.abc import Iterator

_CODE = re.compile(r"``[^`]+``|`([^`\n]+(?:\n[^`\n]+)?)`")
_LABEL = re.compile(r"(Input shape|Output shape|Reference): ")
_SPECIAL = re.compile(r"(?<![\\*])([*|])(?!\*)")


def to_restructured_text(lines: list[str], links: dict[str, str]) -> list[str]:
    """Return the lines of a docstring as reStructuredText; lines of a doctest and what they print stay.

    Args:
        lines: Lines of the docstring.
        links: Short and qualified names -> the qualified name that has a page.
    """
    found: list[str] = []
    for is_example, part in _parts(_labelled(lines)):
        found += part if is_example else _text("\n".join(part), links).split("\n")
    return found


def _labelled(lines: list[str]) -> list[str]:
    """Make a paragraph of each line that begins with a label and of the indented lines that go on with it."""
    found: list[str] = []
    goes_on = False
    for line in lines:
        label = _LABEL.match(line)
        if label:
            line, goes_on = f"**{label[1]}**: {line[label.end() :]}", True
            found.append("")
        elif goes_on and line.startswith(" "):
            line = line.strip()
        else:
            goes_on = False
        found.append(line)
    return found


def _parts(lines: list[str]) -> Iterator[tuple[bool, list[str]]]:
    """Split at the doctests: each ends with an empty line."""
    part: list[str] = []
    is_example = False
    for line in lines:
        starts = line.lstrip().startswith(">>>")
        if (starts and not is_example) or (is_example and not line.strip()):
            yield is_example, part
            part, is_example = [], starts
        part.append(line)
    yield is_example, part


def _text(text: str, links: dict[str, str]) -> str:
    pieces, end = [], 0
    for found in _CODE.finditer(text):
        pieces += [_SPECIAL.sub(r"\\\1", text[end : found.start()]), _code(found, links)]
        end = found.end()
    return "".join([*pieces, _SPECIAL.sub(r"\\\1", text[end:])])


def _code(found: re.Match[str], links: dict[str, str]) -> str:
    name = found[1]
    if name is None:
        return found[0]
    if name in links:
        return f":py:obj:`{name} <{links[name]}>`"
    return f"``{name}``"
