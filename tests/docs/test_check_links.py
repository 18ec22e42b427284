"""The check of the built site names what leads nowhere and what is loaded from elsewhere."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.backend_free


@pytest.fixture
def broken():
    path = Path(__file__).parents[2] / "docs/check_links.py"
    spec = importlib.util.spec_from_file_location("check_links", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.broken


def test_whole_links_pass_and_broken_ones_are_named(tmp_path, broken):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.html").write_text('<h1 id="top">b</h1><a href="../index.html#there">up</a>')
    (tmp_path / "index.html").write_text('<p id="there"></p><a href="a/b.html#top">b</a><a href="https://x.org">x</a>')
    assert broken(tmp_path) == []
    (tmp_path / "index.html").write_text(
        '<a href="a/c.html">c</a><a href="a/b.html#end">b</a><script src="https://x.org/y.js"></script>'
    )
    assert broken(tmp_path) == [
        "b.html -> ../index.html#there: no such place",
        "index.html -> a/c.html: no such file",
        "index.html -> a/b.html#end: no such place",
        "index.html loads https://x.org/y.js",
    ]
