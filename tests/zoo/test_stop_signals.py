"""SIGINT and SIGTERM: an exception that nothing mistakes for a failure, one exit code, and the second acts at once."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from zoo import stop_signals
from zoo.stop_signals import Stopped, listening, noted

pytestmark = pytest.mark.backend_free
SIGNALS = [signal.SIGINT, signal.SIGTERM]

# The command, which gets a signal when it imports Keras; there is a module in C on the way.
_COMMAND = """
import os, signal, sys
class Signals:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[2]:
            os.kill(os.getpid(), int(sys.argv[3]))
sys.meta_path.insert(0, Signals())
from zoo.recipes.cli import main
main()
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_an_exception_but_no_failure(number):
    before = signal.getsignal(number)
    with pytest.raises(Stopped, match=number.name) as stopped, listening():
        signal.raise_signal(number)
    assert not isinstance(stopped.value, Exception)
    assert stopped.value.reason == number.name
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_ends_the_process_at_once(number):
    with listening():
        with pytest.raises(Stopped):
            signal.raise_signal(number)
        assert signal.getsignal(number) == signal.SIG_DFL
    names = []
    with listening(), noted(names.append):
        signal.raise_signal(number)
        assert names == [number.name]
        assert signal.getsignal(number) == signal.SIG_DFL


def test_in_somebody_s_own_program_the_second_signal_is_theirs():
    def theirs(number, frame):
        raise KeyError

    before = signal.signal(signal.SIGTERM, theirs)
    try:
        with noted(lambda name: None):
            signal.raise_signal(signal.SIGTERM)
            with pytest.raises(KeyError):
                signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == theirs
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_before_the_first_is_handled_acts_at_once(number, monkeypatch):
    def theirs(number, frame):
        raise KeyError

    before, set_handler, met = signal.signal(number, theirs), signal.signal, []

    def at_the_worst_moment(one, handler):
        if signal.getsignal(one) not in (theirs, handler) and not met:
            met.append(one)
            signal.raise_signal(one)  # before the handler of the first has changed anything
        return set_handler(one, handler)

    try:
        with pytest.raises(KeyError), noted(lambda name: None):  # noqa: PT012
            monkeypatch.setattr(stop_signals.signal, "signal", at_the_worst_moment)
            signal.raise_signal(number)
        assert met == [number]
    finally:
        set_handler(number, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_within_a_finalizer_is_not_lost(number, capfd):
    class Dying:
        def __del__(self):
            signal.raise_signal(number)

    with pytest.raises(Stopped, match=number.name), listening():  # noqa: PT012
        dying = Dying()
        del dying
        for _ in range(1000):
            time.sleep(0.01)
    assert "Traceback" not in capfd.readouterr().err


_BUSY = """
import hashlib, os, signal, sys, threading, time
sys.path.insert(0, os.path.dirname(sys.argv[1]))
from stop_signals import end_at_second, listen
def signals():
    for _ in range(2):
        time.sleep(0.3)
        os.kill(os.getpid(), int(sys.argv[2]))
listen()
end_at_second()
threading.Thread(target=signals, daemon=True).start()
hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_ends_a_process_that_is_busy_outside_python(number):
    command = [sys.executable, "-c", _BUSY, stop_signals.__file__, str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")


def test_other_threads_listen_to_nothing():
    failures = []

    def run():
        try:
            with listening(), noted(failures.append):
                pass
        except ValueError as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not failures


@pytest.mark.parametrize(
    ("module", "number"),
    [
        ("keras", signal.SIGINT),
        ("zoo.recipes.training.train", signal.SIGTERM),
    ],
)
def test_a_signal_at_start_up_is_one_line_and_its_code(tmp_path, module, number):
    (tmp_path / "zoo").write_text(_COMMAND)
    arguments = ["train", module, str(int(number)), "--out", str(tmp_path / "run")]
    if module.startswith("zoo"):  # a recipe's name, where its module is imported
        (tmp_path / "zoo").write_text(_COMMAND.replace("sys.argv[2]", repr(module)).replace("sys.argv[3]", "15"))
        arguments = ["train", "resnet20_cfnn_digits", "--out", str(tmp_path / "run")]
    path = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "zoo"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 128 + number
    assert done.stderr.splitlines()[-1:] == [f"Stopped ({number.name}) while a library was loading."]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
