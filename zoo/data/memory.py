"""Memory of the machine, for refusing what would not fit."""

import os
from pathlib import Path

_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container: bytes, or "max"


def memory() -> int:
    """Bytes of memory of the machine, or of the container, or what nothing exceeds where the system does not tell."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        found = 2**63
    try:
        return min(found, int(_LIMIT.read_text()))
    except (OSError, ValueError):
        return found
