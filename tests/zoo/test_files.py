"""Files and folders that are whole or not there, whatever is there before and whatever fails."""

import errno
import os
import stat
from contextlib import nullcontext

import pytest

from zoo import files
from zoo.files import atomic, read_json, sha256, sweep, write_bytes, write_json

pytestmark = pytest.mark.backend_free


# Not a file a folder: whoever names a folder where a file is written has made a slip, and would lose all that is in it.
@pytest.mark.parametrize(
    ("before", "after"), [(None, "file"), (None, "folder"), ("file", "file"), ("file", "folder"), ("folder", "folder")]
)
def test_the_new_replaces_the_old(tmp_path, before, after):
    path = tmp_path / "x"
    write(path, before, "old")
    with atomic(path) as part:
        write(part, after, "new")
        assert path.exists() == (before is not None)
    assert content(path) == "new"
    assert os.listdir(tmp_path) == ["x"]


def write_atomic(path, data):
    with atomic(path) as part:
        part.write_bytes(data)


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("write_file", [write_atomic, write_bytes, write_json])
def test_a_file_never_replaces_a_folder(tmp_path, write_file, held, linked):
    path = tmp_path / "x"
    path.mkdir()
    if held:
        (path / "inside").write_text("old")
    if linked:
        path.rename(tmp_path / "real")
        path.symlink_to(tmp_path / "real")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(IsADirectoryError, match=r"`path` must be a file, or new\. Received: the folder path='.*x'$"):
        write_file(path, {} if write_file is write_json else b"new")
    assert sorted(tmp_path.rglob("*")) == before
    assert path.is_symlink() == linked
    assert not held or content(path) == "old"


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
    path, rename = tmp_path / "x", os.rename
    write(path, "folder", "old")

    def fail_once_aside(source, target):
        if os.path.basename(target) == "x" and not os.path.basename(source).endswith(".old"):
            raise OSError("full")
        rename(source, target)

    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    monkeypatch.setattr(os, "rename", fail_once_aside)
    with pytest.raises(OSError, match="full"), atomic(path) as part:
        write(part, "folder", "new")
    assert content(path) == "old"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_an_interrupt_after_any_rename_leaves_the_old_or_the_new(tmp_path, monkeypatch, exchange, k):
    path, done = tmp_path / "x", []
    write(path, "folder", "old")

    def interrupted_after(operation):
        def run(*arguments):
            result = operation(*arguments)
            done.append(operation)
            if len(done) == k:
                raise KeyboardInterrupt
            return result

        return run

    monkeypatch.setattr(files, "_exchange", interrupted_after(files._exchange) if exchange else lambda *_: False)
    monkeypatch.setattr(os, "rename", interrupted_after(os.rename))
    try:
        with atomic(path) as part:
            write(part, "folder", "new")
    except KeyboardInterrupt:
        pass
    assert content(path) == ("old" if (exchange, k) == (False, 1) else "new")


def test_what_came_meanwhile_is_kept_where_the_check_says_so(tmp_path):
    def check():
        if (tmp_path / "x").exists():
            raise FileExistsError("x")

    for kind in ("file", "folder"):
        with pytest.raises(FileExistsError, match=r"^x$"), atomic(tmp_path / "x", check) as part:  # noqa: PT012
            write(part, "folder", "new")
            if not (tmp_path / "x").exists():
                write(tmp_path / "x", kind, "mine")
        assert content(tmp_path / "x") == "mine"
        assert os.listdir(tmp_path) == ["x"]


def test_json_and_digest(tmp_path):
    write_json(tmp_path / "a" / "b.json", {"x": 1})
    assert (tmp_path / "a" / "b.json").read_text() == '{\n "x": 1\n}\n'
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_is_written_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, n=name, o=original: (done.append(n), o(*args)))
    write_bytes(tmp_path / "x", b"1")
    assert done == (["fsync", "replace", "fsync"] if os.name == "posix" else ["fsync", "replace"])


def test_a_full_disk_names_the_file_and_leaves_what_was_there(tmp_path, monkeypatch):
    write_bytes(tmp_path / "x", b"old")

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*x'$"):
        write_bytes(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be opened")
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_a_disk_that_cannot_sync_folders_is_written_to(tmp_path, monkeypatch, number):
    original = os.fsync

    def of_files(opened):
        if stat.S_ISDIR(os.fstat(opened).st_mode):
            raise OSError(number, os.strerror(number))
        original(opened)

    monkeypatch.setattr(os, "fsync", of_files)
    with pytest.raises(OSError) if number == errno.EIO else nullcontext():
        write_bytes(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"new"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_that_cannot_be_synced_is_not_written(tmp_path, monkeypatch, number):
    def none(opened):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", none)
    with pytest.raises(OSError):
        write_bytes(tmp_path / "x", b"new")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff{}", "no JSON"),
        (b"[]", "one JSON object. Received: list"),
        (b'{"a": 1}', "key 'b'"),
        (b'{"a": "1", "b": []}', "int under 'a'. Received: str"),
        (b'{"a": true, "b": []}', "int under 'a'. Received: bool"),
        (b'{"a": 1, "b": 1}', "list or null under 'b'. Received: int"),
        (b'{"a": 1' + 400 * b"0" + b"}", "401 digits is beyond 64 bits"),
        (b'{"a": 1' + 9000 * b"0" + b"}", "9001 digits is beyond 64 bits"),
        (b'{"a": ' + 100_000 * b"[" + b"}", "no JSON"),
    ],
)
def test_a_json_file_that_is_not_what_it_must_be_is_one_line(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as refused:
        read_json(path, {"a": int, "b": (list, type(None))})
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_parts_of_killed_processes_are_swept_and_nothing_else(tmp_path):
    for name in (".01234567.x", ".0123abcd.y.json", ".01234567", ".0123456x.z", ".profile", "a.01234567.x"):
        (tmp_path / name).write_text("")
    (tmp_path / ".76543210.folder").mkdir()
    sweep(tmp_path)
    kept = [".01234567", ".0123456x.z", ".76543210.folder", ".profile", "a.01234567.x"]
    assert sorted(os.listdir(tmp_path)) == kept


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
