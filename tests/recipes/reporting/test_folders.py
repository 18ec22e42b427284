"""Folders of runs: whose they are, one process at a time, and what becomes of them while it writes."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from zoo.recipes.reporting.folders import claimed

pytestmark = pytest.mark.backend_free

# A process that claims a folder, says so and waits for its standard input to end.
_HOLDER = """
import sys
from pathlib import Path
from zoo.recipes.reporting.folders import claimed
with claimed(Path(sys.argv[1]), "config.json", {"who": 1}, dict, what="It has"):
    print("claimed", flush=True)
    sys.stdin.read()
"""


def claim(path, who=1, **options):
    return claimed(path, "config.json", {"who": who}, dict, what="The run has", **options)


@pytest.fixture
def holder(tmp_path):
    """Another process, which has claimed a folder."""
    command = [sys.executable, "-c", _HOLDER, str(tmp_path / "run")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "claimed\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_and_told_who_has_the_folder(holder, tmp_path):
    before = (tmp_path / "run/config.json").read_bytes()
    with pytest.raises(ValueError, match=rf"`out` is in use by process {holder.pid} on .* since 20.*\(`-c") as refused:
        claim(tmp_path / "run").__enter__()
    assert "\n" not in str(refused.value)
    assert (tmp_path / "run/config.json").read_bytes() == before
    holder.kill()  # the lock of a process that is gone is taken over
    holder.wait()
    with claim(tmp_path / "run"):
        assert json.loads((tmp_path / "run/.lock").read_text())["pid"] == os.getpid()


def test_the_same_process_does_not_claim_twice(tmp_path):
    with claim(tmp_path / "run"), pytest.raises(ValueError, match=f"in use by process {os.getpid()}"):
        claim(tmp_path / "run").__enter__()
    with claim(tmp_path / "run"):
        pass


def test_a_record_is_written_once_and_checked_from_then_on(tmp_path):
    with claim(tmp_path / "run"):
        pass
    with pytest.raises(ValueError, match=r"The run has who=1\. Received: who=2"):
        claim(tmp_path / "run", who=2).__enter__()
    with pytest.raises(ValueError, match="old"):
        claim(tmp_path / "run", new="old").__enter__()
    assert json.loads((tmp_path / "run/config.json").read_text()) == {"who": 1}


@pytest.mark.parametrize("name", ["state.json", "results.jsonl", "settings.json", "last.weights.h5", "log.csv"])
def test_files_of_a_run_without_their_record_are_nobody_s_to_go_on_with(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match=rf"with its config\.json: without it, nothing says whose {name} is"):
        claim(tmp_path).__enter__()
    assert os.listdir(tmp_path) == [name]


def test_files_of_others_are_left_alone(tmp_path):
    for name in ("thesis.tex", ".bashrc", ".0123abcd"):
        (tmp_path / name).write_text("mine")
    (tmp_path / ".0123abcd.state.json").write_text("{")  # of a killed process
    with claim(tmp_path) as folder:
        folder.write("a", b"1")
    assert sorted(os.listdir(tmp_path)) == [".0123abcd", ".bashrc", ".lock", "a", "config.json", "thesis.tex"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"who": ' + 400 * "[", '{"who": 1' + 400 * "0" + "}", "\0"])
def test_a_damaged_record_is_named(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json'"):
        claim(tmp_path).__enter__()
    assert os.listdir(tmp_path) == ["config.json"]


@pytest.mark.parametrize("again", [False, True], ids=["removed", "made again"])
def test_a_folder_that_vanished_is_not_written_to(tmp_path, again):
    with claim(tmp_path / "run") as folder:
        (tmp_path / "run").rename(tmp_path / "elsewhere")
        if again:
            shutil.copytree(tmp_path / "elsewhere", tmp_path / "run")
        with pytest.raises(FileNotFoundError, match="has vanished"):
            folder.write("state.json", b"{}")
    assert not (tmp_path / "run/state.json").exists()


def test_a_folder_without_its_record_is_not_written_to(tmp_path):
    with claim(tmp_path) as folder:
        (tmp_path / "config.json").unlink()
        with pytest.raises(FileNotFoundError, match=r"its config\.json"):
            folder.write("state.json", b"{}")


@pytest.mark.parametrize("there", [False, True])
def test_a_new_folder_is_as_it_was_after_an_error_that_came_before_anything_was_written(tmp_path, there):
    path = tmp_path / "run"
    if there:
        path.mkdir()
    with pytest.raises(RuntimeError), claim(path):
        raise RuntimeError
    assert path.exists() == there
    with claim(path, who=2) as folder:  # other settings are welcome
        folder.write("row", b"1")
    with pytest.raises(RuntimeError), claim(path, who=2):
        raise RuntimeError
    assert {one.name for one in path.iterdir()} >= {"config.json", "row"}
