"""Every Python block of the README and of the site's pages runs as it stands; the blocks of a page are one program."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/guides").glob("*.md"))]
PROGRAMS = {page.relative_to(ROOT).as_posix(): page for page in PAGES if "```python" in page.read_text()}


def program(page: Path) -> str:
    """Text of a page with empty lines in place of what is no Python, so that errors name its lines."""
    is_code, lines = False, []
    for line in page.read_text().splitlines():
        fence = re.match(r"```(\w*)", line)
        is_code = bool(fence) and fence[1] == "python" if fence else is_code
        lines.append(line if is_code and not fence else "")
    return "\n".join(lines)


@pytest.mark.on_tensorflow
@pytest.mark.filterwarnings("default")  # weights of other classes warn, as they should
@pytest.mark.parametrize("page", PROGRAMS)
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    exec(compile(program(PROGRAMS[page]), str(PROGRAMS[page]), "exec"), {"__name__": "page"})


@pytest.mark.backend_free
def test_the_pages_are_found():
    assert len(PROGRAMS) >= 14


@pytest.mark.backend_free
def test_the_first_two_shell_blocks_of_the_readme_set_up():
    first, second = re.findall(r"^```sh\n(.*?)^```", PAGES[0].read_text(), re.MULTILINE | re.DOTALL)[:2]
    assert "pip install ." in first
    assert "pytest" in second
