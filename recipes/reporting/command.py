"""The command line of this process."""

import sys
from pathlib import Path


def command() -> str:
    """The command line of this process, the program by its bare name."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
