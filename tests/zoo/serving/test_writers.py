"""Errors of the process of TensorFlow that writes for other backends come back as they were."""

import importlib.util
import io
import os
import subprocess
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

        def run(command, **options):
            monkeypatch.setattr(sys, "argv", command[2:])
            monkeypatch.setattr(sys, "stdin", io.StringIO(options["input"]))
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


_MODULE = """
import keras
from zoo.layers import CoinLayer


class Sign(CoinLayer):
    def call(self, inputs, training=None):
        coins = keras.random.uniform(keras.ops.shape(inputs), seed=self.generator(training))
        return keras.ops.where(coins < 0.5, -inputs, inputs)


@keras.saving.register_keras_serializable(package="own")
class Known(Sign):
    pass


class Unknown(Sign):
    pass
"""
_PROGRAM = """
import keras, sys
import zoo
from own_layers import Known, Sign, Unknown


@keras.saving.register_keras_serializable(package="own")
class Main(Sign):
    pass


names = [f"a class whose name is not short {number}" for number in range(4000)]  # 148 kB


def export(layer):
    model = keras.Sequential([keras.Input((2,)), layer, keras.layers.Dense(len(names))])
    model.compile("sgd", loss=lambda y, p: p)  # which no process needs to know
    try:
        print(zoo.export(model, f"exported/{layer.name}", class_names=names).name)
    except ValueError as error:
        print(" ".join(str(error).split()))


export(Main(seed=0))
export(Unknown(seed=0))
export(Known(seed=0))
"""


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="needs another backend")
def test_layers_of_one_s_own_module_are_found_and_those_of_the_program_refused(tmp_path):
    (tmp_path / "own_layers.py").write_text(_MODULE)
    (tmp_path / "program.py").write_text(_PROGRAM)
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "program.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    refused, unknown, known = done.stdout.splitlines()
    assert "put them in a module, or export with KERAS_BACKEND=tensorflow" in refused
    assert "with Main 'main', which the program itself (__main__) defines" in refused
    assert "must be made of classes that are registered" in unknown
    assert unknown.endswith("Received: Could not locate class 'Unknown'")
    assert known == "known"
    assert os.listdir(tmp_path / "exported") == ["known"]
    assert (tmp_path / "exported/known/assets/class_names.txt").read_text().endswith(" short 3999\n")
