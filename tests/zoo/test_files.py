"""Files and folders that are whole or not there, whatever is there before and whatever fails."""

import os

import pytest

from zoo.files import atomic, sha256, write_json

pytestmark = pytest.mark.backend_free


@pytest.mark.parametrize("before", [None, "file", "folder"])
@pytest.mark.parametrize("after", ["file", "folder"])
def test_the_new_replaces_the_old(tmp_path, before, after):
    path = tmp_path / "x"
    write(path, before, "old")
    with atomic(path) as part:
        write(part, after, "new")
        assert path.exists() == (before is not None)
    assert content(path) == "new"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize("before", [None, "file", "folder"])
@pytest.mark.parametrize("after", [None, "file", "folder"])
def test_a_failure_leaves_what_was_there(tmp_path, before, after):
    path = tmp_path / "x"
    write(path, before, "old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(path, after)
    assert os.listdir(tmp_path) == ([] if before is None else ["x"])
    assert before is None or content(path) == "old"


def test_a_folder_that_cannot_be_replaced_comes_back(tmp_path, monkeypatch):
    path, replace = tmp_path / "x", os.replace
    write(path, "folder", "old")

    def fail_once_aside(source, target):
        if os.path.basename(target) == "x" and not os.path.basename(source).endswith(".old"):
            raise OSError("full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_once_aside)
    with pytest.raises(OSError, match="full"), atomic(path) as part:
        write(part, "folder", "new")
    assert content(path) == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_json_and_digest(tmp_path):
    write_json(tmp_path / "a" / "b.json", {"x": 1})
    assert (tmp_path / "a" / "b.json").read_text() == '{\n "x": 1\n}\n'
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def interrupted(path, kind):
    with atomic(path) as part:
        write(part, kind, "new")
        raise KeyboardInterrupt


def write(path, kind, text):
    if kind == "file":
        path.write_text(text)
    elif kind == "folder":
        path.mkdir()
        (path / "inside").write_text(text)


def content(path):
    return (path / "inside" if path.is_dir() else path).read_text()
