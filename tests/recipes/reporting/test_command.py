"""The command line that rows say they were made by."""

import sys

import pytest

from zoo.recipes import cli
from zoo.recipes.reporting.command import command, commanded_by

pytestmark = pytest.mark.backend_free


@pytest.mark.parametrize(
    ("program", "name"), [("/usr/bin/zoo", "zoo"), (cli.__file__, "zoo"), ("/other/cli.py", "cli.py"), ("", "")]
)
def test_the_program_has_its_bare_name_and_ours_is_zoo(monkeypatch, program, name):
    monkeypatch.setattr(sys, "argv", [program, "train", "x"])
    assert command() == f"{name} train x"


def test_work_for_another_process_has_its_command(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/a/_submit.py", "/b"])
    with commanded_by("zoo reproduce ball"):
        assert command() == "zoo reproduce ball"
    assert command() == "_submit.py /b"
