"""Memory of the machine, for refusing what would not fit."""

import os


def memory() -> int:
    """Bytes of the machine's memory, or what nothing exceeds where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 2**63
