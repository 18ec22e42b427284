"""Imports without the lines of information that libraries in C write on the way."""

import faulthandler
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Information and warnings of absl (I0000, W0000), what it says of itself, and TensorFlow's second line on the CPU.
_TOLD = re.compile(
    rb"[IW]\d{4} \d\d:|\d{4}-\d\d-\d\d [\d:.]+: [IW] |WARNING: All log messages before absl::|To enable the following"
)


@contextmanager
def quiet_import() -> Iterator[None]:
    """Hold back what is written to the file of stderr within a block; afterwards write all that is no information.

    What Python writes to `sys.stderr` goes out at once, and so does the traceback of a crash.
    """
    before, shown = sys.stderr, faulthandler.is_enabled()
    try:
        real = os.dup(2)
    except OSError:  # no stderr
        yield
        return
    with open(real, "w", buffering=1, errors="backslashreplace") as sys.stderr, tempfile.TemporaryFile() as held:
        faulthandler.enable(sys.stderr)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(real, 2)
            faulthandler.disable()
            if shown:
                faulthandler.enable()
            held.seek(0)
            for line in held:
                if not _TOLD.match(line):
                    os.write(2, line)
            sys.stderr = before
