"""SIGINT and SIGTERM as one exception with one exit code, for commands whose files are whole at any moment."""

import os
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODES = {"max_minutes": 0, "SIGINT": 130, "SIGTERM": 143}
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_again: Counter[int] = Counter()  # signals that this process sent itself


class Stopped(BaseException):
    """Raised where somebody asked to stop, and what there is to keep is kept.

    It is no `Exception`, so that nothing takes it for a failure of what was running.

    Args:
        reason: A signal's name or "max_minutes".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def listen() -> None:
    """Let SIGINT and SIGTERM raise `Stopped` from now on; the second of a kind ends the process at once.

    During an import they end the process at once, with a line: an exception there may be lost in a module written in C.
    Other threads than the main one cannot listen.
    """
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, _stop)
        if not isinstance(sys.unraisablehook, _Unlost):
            sys.unraisablehook = _Unlost(sys.unraisablehook)


def end_at_second() -> None:
    """Let the second signal of a kind end this process at once also while it is busy outside Python from the first on.

    No handler runs there, as in the compilation of a model. The process must be ours alone, for this is for its life.
    """
    if threading.current_thread() is threading.main_thread():
        ours, system_s = socket.socketpair()
        system_s.setblocking(False)
        signal.set_wakeup_fd(system_s.detach(), warn_on_full_buffer=False)
        threading.Thread(target=_end_at_second, args=(ours,), daemon=True).start()


def _end_at_second(numbers: socket.socket) -> None:
    met: Counter[int] = Counter()
    while True:
        for number in numbers.recv(1):
            met[number] += 1
            if number in SIGNALS and met[number] - _again[number] > 1:
                os._exit(EXIT_CODES[signal.Signals(number).name])


class _Unlost:
    """Hook for exceptions that Python cannot raise: a `Stopped` that a finalizer or a callback lost comes again."""

    def __init__(self, hook) -> None:
        self.hook = hook

    def __call__(self, unraisable) -> None:
        stopped = unraisable.exc_value
        if not isinstance(stopped, Stopped) or stopped.reason not in signal.Signals.__members__:
            self.hook(unraisable)
            return
        number = signal.Signals[stopped.reason]
        _again[number] += 1
        signal.signal(number, _stop)
        threading.Timer(0.01, signal.raise_signal, (number,)).start()  # not here, where it would be lost again


@contextmanager
def listening() -> Iterator[None]:
    """`listen` within a block."""
    before, hook = {number: signal.getsignal(number) for number in SIGNALS}, sys.unraisablehook
    listen()
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            if signal.getsignal(number) != handler:
                signal.signal(number, handler)


@contextmanager
def noted(note) -> Iterator[None]:
    """Call `note` with the name of a signal within a block, where stopping takes a moment; the second acts at once.

    Args:
        note: Function of a signal's name.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        # What comes second must end a process that is busy outside Python, too, but not somebody's notebook.
        theirs = before[signal.Signals(number)]
        signal.signal(number, signal.SIG_DFL if theirs in (_stop, signal.SIG_IGN) else theirs)
        if number in met:  # the second came while this function began
            signal.raise_signal(number)
        met.add(number)
        note(signal.Signals(number).name)

    met: set[int] = set()
    watched = SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, handle) for number in watched}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    name = signal.Signals(number).name
    if _importing(frame):
        os.write(sys.stderr.fileno(), f"Stopped ({name}) while a library was loading.\n".encode())
        os._exit(EXIT_CODES[name])
    raise Stopped(name)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
