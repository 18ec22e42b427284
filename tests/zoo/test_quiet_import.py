"""Imports are quiet of information only."""

import os
import subprocess
import sys

import keras
import pytest

PROGRAM = """
import os, sys
from zoo.quiet_import import quiet_import
with quiet_import():
    os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
    os.write(2, b"I0000 00:00:1795934157.492977    5611 cudart_stub.cc:31] Could not find cuda drivers\\n")
    os.write(2, b"2026-11-29 06:35:01.5: I tensorflow/core/platform/cpu_feature_guard.cc:210] optimized\\n")
    os.write(2, b"E0000 00:00:1795934157.492977    5611 loader.cc:1] no such library\\n")
    print("python's own", file=sys.stderr)
    sys.argv[1:] and os.abort()
os.write(2, b"after\\n")
raise SystemExit("the end")
"""


def run(*arguments):
    return subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.backend_free
def test_errors_and_what_python_says_are_shown():
    lines = [line for line in run().stderr.splitlines() if "absl" not in line and "cudart" not in line]
    own = lines[lines.index("python's own") :]
    assert own == [
        "python's own", "E0000 00:00:1795934157.492977    5611 loader.cc:1] no such library", "after", "the end",
    ]  # fmt: skip


@pytest.mark.backend_free
def test_a_crash_is_not_hidden():
    assert "Fatal Python error: Aborted" in run("crash").stderr


def test_the_command_says_nothing_of_its_libraries(tmp_path):
    (tmp_path / "zoo").write_text("from zoo.recipes.cli import main\nmain()\n")
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, str(tmp_path / "zoo"), "list", "ball*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ball_cfnn" in done.stdout


@pytest.mark.backend_free
@pytest.mark.parametrize(("given", "found"), [(None, "1"), ("0", "0")])
def test_the_command_asks_for_the_fast_kernels_unless_told_otherwise(given, found, tmp_path):
    name = "TF_ENABLE_ONEDNN_OPTS"
    (tmp_path / "zoo").write_text(f"import os, zoo\nprint(os.environ[{name!r}])\n")
    environment = {key: value for key, value in os.environ.items() if key != name} | ({name: given} if given else {})
    command = [sys.executable, str(tmp_path / "zoo")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == found


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="TensorFlow is imported late on JAX alone")
def test_the_command_says_nothing_of_tensorflow_where_it_reads_data_for_jax(tmp_path):
    lines = ["import zoo", "zoo.data.load('digits').test.as_dataset(batch_size=9)", "print('read')"]
    (tmp_path / "zoo").write_text("\n".join(lines))
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, str(tmp_path / "zoo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "read\n")
