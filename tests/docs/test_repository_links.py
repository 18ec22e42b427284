"""The relative links of the README and of the pages lead to files of the repository, also where no site is built."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.backend_free

ROOT = Path(__file__).parents[2]
IGNORED = [
    ROOT / line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.startswith("/docs/")
]


def is_kept(path: Path) -> bool:
    """Whether a path is in the repository: it exists, and no build of the site wrote it."""
    return path.exists() and not any(path == one or one in path.parents for one in IGNORED)


def links(page: Path) -> list[str]:
    """Relative links of a page, images too, without the place in the file; code and toctrees have none."""
    text = re.sub(r"^(```+|~~~+).*?^\1", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\(<?([^)\s>]+)", text) + re.findall(r"^\[[^]]+\]: +(\S+)", text, flags=re.MULTILINE)
    return [link.partition("#")[0] for link in found if not re.match(r"[a-z][a-z+.-]*:|#", link)]


PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").rglob("*.md")) if is_kept(page))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_of_the_repository(page):
    assert [link for link in links(page) if not is_kept((page.parent / link).resolve())] == []


def test_links_are_found_and_dead_ones_and_built_pages_are_told(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[a](b.md#c) [d](https://x.org) [e](#f) ![g](h.png)\n```text\n[i](j.md)\n```\n[k]: l.md\n")
    assert links(page) == ["b.md", "h.png", "l.md"]
    assert sum(len(links(one)) for one in PAGES) > 40
    assert not is_kept(ROOT / "docs/none.md")
    assert ROOT / "docs/papers" in IGNORED
