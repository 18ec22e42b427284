"""Commands of the guides are ones that `zoo` has: their options exist and take such values."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from zoo.recipes import cli

USAGE = typer.BadParameter.__mro__[1]  # UsageError of click, or of the click that typer brings
DOCS = Path(__file__).parents[2] / "docs"
GUIDES = DOCS / "guides"
pytestmark = pytest.mark.backend_free


def commands(page: Path) -> list[str]:
    """Lines of a page's blocks that call `zoo`, with or without a prompt; continued lines are one."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ").removesuffix(" &") for line in lines if re.match(r"(\$ )?zoo ", line)]


COMMANDS = [(page.stem, line) for page in sorted(GUIDES.glob("*.md")) for line in commands(page)]


def parse(line: str) -> None:
    name, *arguments = shlex.split(line, comments=True)[1:]
    typer.main.get_command(cli.app).commands[name].make_context(name, arguments)


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_the_commands_of_a_guide_are_understood(page, line):
    parse(line)


@pytest.mark.parametrize(
    "line", ["zoo tune net --out a --patients 3", "zoo train net", "zoo tune net --out a --trials x"]
)
def test_others_are_not(line):
    with pytest.raises(USAGE):
        parse(line)


def test_the_way_of_one_s_own_images_is_told():
    told = [line.split()[1] for page, line in COMMANDS if page == "own_images"]
    assert told == ["train", "train", "tune", "evaluate", "export"]


def test_the_command_line_s_page_has_every_option():
    usage = re.search(r"^```text\n(.*?)^```", (DOCS / "command_line.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    told = {}
    for line in usage.replace("\n ", " ").splitlines():
        told.setdefault(line.split()[1], set()).update(re.findall(r"--[\w-]+", line))
    told["show"] = told["list"]
    found = typer.main.get_command(cli.app).commands
    assert told == {
        name: {option for one in command.params for option in one.opts if option.startswith("-")}
        for name, command in found.items()
    }
    (samples,) = [one for one in found["evaluate"].params if one.name == "samples"]
    assert f"--samples {samples.default} " in usage
