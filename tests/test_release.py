"""A release is refused whose changelog has no date or whose files are not those of a commit."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci/release"
pytestmark = [
    pytest.mark.backend_free,
    pytest.mark.skipif(not (shutil.which("git") and shutil.which("bash")), reason="needs git and bash"),
]


def refusal(folder: Path, heading: str, more: str | None = None) -> str:
    """What `.ci/release` says in a repository whose changelog has this heading; it has nothing to build."""
    files = {
        ".ci/release": SCRIPT.read_text(),
        "zoo/__init__.py": '__version__ = "1.2.3"\n',
        "CITATION.cff": "version: 1.2.3\n",
        "CHANGELOG.md": f"# Changelog\n\n{heading}\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    who = ["-c", "user.name=one", "-c", "user.email=one@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    if more:
        (folder / more).write_text("more")
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(
        ["bash", ".ci/release"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode
    return done.stderr


UNDATED = "CHANGELOG.md has no dated entry: ## 1.2.3 (YYYY-MM-DD)\n"


@pytest.mark.parametrize(
    "heading", ["## 1.2.3", "## 1.2.3 (unreleased)", "## 1.2.30 (2026-01-02)", "## 1x2.3 (2026-01-02)"]
)
def test_a_changelog_without_a_date_is_refused(tmp_path, heading):
    assert refusal(tmp_path, heading) == UNDATED


def test_what_is_not_committed_is_refused(tmp_path):
    assert refusal(tmp_path, "## 1.2.3 (2026-01-02)", "new.py") == "These are not committed:\n?? new.py\n"


def test_a_dated_and_committed_one_comes_to_be_built(tmp_path):
    said = refusal(tmp_path, "## 1.2.3 (2026-01-02)")
    assert "CHANGELOG" not in said
    assert "not committed" not in said
