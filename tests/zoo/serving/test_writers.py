"""Errors of the process of TensorFlow that writes for other backends come back as they were."""

import importlib.util
import sys
import types

import keras
import pytest

from zoo.serving import writers

pytestmark = pytest.mark.backend_free


@pytest.fixture
def in_this_process(monkeypatch, capsys):
    """Run the other process's `main` here; its writer raises the given error."""

    def prepare(error):
        def write(*arguments, **keywords):
            raise error

        def run(command, **_):
            monkeypatch.setattr(sys, "argv", command[2:])
            capsys.readouterr()
            with pytest.raises(SystemExit) as left:
                writers.main()
            printed = capsys.readouterr().err + "said at the end\n"
            return types.SimpleNamespace(returncode=left.value.code, stderr="said before" + printed)

        monkeypatch.setattr(writers, "_write_archive", write)
        monkeypatch.setattr(writers.subprocess, "run", run)

    return prepare


ERRORS = [
    ValueError("`model` must be so.\nReceived: otherwise"),
    ImportError("libfoo.so is missing"),
    ModuleNotFoundError("no module"),
    MemoryError("no memory"),
    OSError("No space"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_keeps_its_kind_and_all_its_lines(error, in_this_process, tmp_path):
    in_this_process(error)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(type(error)) as raised:
        writers._in_tensorflow(model, tmp_path, {"class_names": None})
    assert (type(raised.value), str(raised.value)) == (type(error), str(error))


def test_tensorflow_that_is_not_installed_is_named(tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "tensorflow" else found(name))
    with pytest.raises(ModuleNotFoundError, match="needs TensorFlow: pip install tensorflow"):
        writers._in_tensorflow(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), tmp_path, {})
