"""The command line that rows and records say they were made by."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_PROGRAM = Path(__file__).parents[1] / "cli.py"  # as `python -m zoo.recipes.cli`
_given: ContextVar[str | None] = ContextVar("command", default=None)


def command() -> str:
    """The command line of this process, the program by its bare name; in a job, that of the process that sent it."""
    if (given := _given.get()) is not None:
        return given
    program = Path(sys.argv[0])
    ours = program.name == _PROGRAM.name and program.resolve() == _PROGRAM.resolve()
    return " ".join(["zoo" if ours else program.name, *sys.argv[1:]])


@contextmanager
def commanded_by(text: str) -> Iterator[None]:
    """Let `command` return the command line of another process, on whose behalf this one works."""
    token = _given.set(text)
    try:
        yield
    finally:
        _given.reset(token)
