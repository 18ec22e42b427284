"""What an export may replace, and that the old or the new one is whole at its path whenever it is ended."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from zoo import files
from zoo.serving import saved_model_folder
from zoo.serving.plain_folder import next_version
from zoo.serving.saved_model_folder import check_replaceable, replacement

pytestmark = pytest.mark.backend_free
OPERATIONS = [(os, "rename"), (os, "mkdir"), (os, "open"), (os, "fsync"), (os, "scandir"), (shutil, "rmtree")]
OPERATIONS += [(files, "_exchange")]


def write(folder, text="old", assets=()):
    """A folder as TensorFlow writes a SavedModel."""
    os.makedirs(folder, exist_ok=True)
    os.mkdir(folder / "variables")
    os.mkdir(folder / "assets")
    listed = b"".join(bytes([0x12, len(name)]) + name.encode() for name in assets)
    for name in ("variables/variables.index", "variables/variables.data-00000-of-00001", "fingerprint.pb"):
        (folder / name).write_text(text)
    (folder / "saved_model.pb").write_bytes(text.encode() + listed)
    for name in assets:
        (folder / "assets" / name).write_text(text)


def content(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) == 4
    [text] = {path.read_text() for path in files}
    return text


@pytest.mark.parametrize(
    "name", ["thesis.tex", "variables/thesis.tex", "assets/thesis.tex", "assets/inner/x", ".git/x"]
)
def test_a_folder_with_anything_else_is_never_replaced(tmp_path, name):
    write(tmp_path / "model", assets=["words.txt"])
    check_replaceable(tmp_path / "model", overwrite=True)
    (tmp_path / "model" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "model" / name).write_text("mine")
    stranger = name if name.count("/") < 2 and ".git" not in name else os.path.dirname(name)
    with pytest.raises(FileExistsError, match=rf"this one is holding '{stranger}'\. Received: path='.*model'"):
        check_replaceable(tmp_path / "model", overwrite=True)
    assert (tmp_path / "model" / name).read_text() == "mine"


def test_a_folder_that_only_looks_like_one_is_kept(tmp_path):
    for names in (["variables", "assets"], ["fingerprint.pb"], ["saved_model.pb"]):
        folder = tmp_path / names[0]
        for name in names:
            (folder / name).mkdir(parents=True)
        with pytest.raises(FileExistsError, match=f"this one is holding '{sorted(names)[0]}'"):
            check_replaceable(folder, overwrite=True)


def test_links_and_files_are_kept(tmp_path):
    write(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file").write_text("mine")
    for name, found in (("link", "a link to 'real'"), ("dangling", "a link to 'nowhere'"), ("file", "no folder")):
        with pytest.raises(FileExistsError, match=f"this one is {found}"):
            check_replaceable(tmp_path / name, overwrite=True)
        with pytest.raises(FileExistsError, match="exists already; pass overwrite=True"):
            check_replaceable(tmp_path / name, overwrite=False)
    write(tmp_path / "model")
    shutil.rmtree(tmp_path / "model" / "variables")
    (tmp_path / "model" / "variables").symlink_to(tmp_path / "real" / "variables")
    with pytest.raises(FileExistsError, match="this one is holding 'variables'"):
        check_replaceable(tmp_path / "model", overwrite=True)


@pytest.mark.parametrize("path", [".", "..", "/", "a/..", ""])
def test_a_path_must_end_in_a_name(path):
    with pytest.raises(ValueError, match="`path` must end in the name of a folder"):
        check_replaceable(Path(path), overwrite=True)


def test_a_folder_that_came_meanwhile_is_kept(tmp_path):
    with pytest.raises(FileExistsError, match="holding 'mine'"), replacement(tmp_path / "model") as part:  # noqa: PT012
        write(part, "new")
        (tmp_path / "model" / "mine").mkdir(parents=True)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    with pytest.raises(FileExistsError, match="exists already"), replacement(tmp_path / "new", False) as part:  # noqa: PT012
        write(part, "new")
        write(tmp_path / "new")
    assert content(tmp_path / "new") == "old"


@pytest.mark.parametrize("system", ["Linux", "other"])
def test_without_overwrite_nothing_that_came_meanwhile_is_replaced(tmp_path, monkeypatch, system):
    if system == "other":
        monkeypatch.setattr(files, "_rename", lambda *_: False)
    with pytest.raises(FileExistsError, match="exists"), replacement(tmp_path / "model", False) as part:  # noqa: PT012
        write(part, "new")
        write(tmp_path / "model", "other's")
    assert content(tmp_path / "model") == "other's"
    for come in ("file", "empty", "link"):  # after the last look, too
        with pytest.MonkeyPatch.context() as patch:
            path = tmp_path / come
            make = {"file": path.touch, "empty": path.mkdir, "link": lambda path=path: path.symlink_to("nowhere")}[come]
            patch.setattr(saved_model_folder, "check_replaceable", lambda *_, make=make: make())
            with pytest.raises(FileExistsError), replacement(path, False) as part:
                write(part, "new")
        assert os.path.lexists(path)
        assert not (path / "saved_model.pb").exists()
    with replacement(tmp_path / "free", False) as part:
        write(part, "new")
    assert content(tmp_path / "free") == "new"


def test_of_two_that_want_one_version_each_gets_its_own(tmp_path):
    def following():
        return next_version(tmp_path)

    with (
        replacement(tmp_path / "1", False, following) as one,
        replacement(tmp_path / "1", False, following) as other,
        replacement(tmp_path / "1", False, following) as third,
    ):
        for text, part in (("one", one), ("other", other), ("third", third)):
            write(part, text)
    assert {path.name: content(path) for path in tmp_path.iterdir()} == {"1": "third", "2": "other", "3": "one"}


class Faults:
    """Counts the operations on files and does something before or after the k-th."""

    def __init__(self, patch, k, after, fault):
        self.k, self.after, self.fault, self.count, self.met = k, after, fault, 0, None
        for module, name in OPERATIONS:
            patch.setattr(module, name, self.counted(name, getattr(module, name)))

    def counted(self, name, operation):
        def run(*arguments, **keywords):
            self.count += 1
            mine = self.count == self.k
            if mine and not self.after:
                self.met = name
                self.fault()
            result = operation(*arguments, **keywords)
            if mine and self.after:
                self.met = name
                self.fault()
            return result

        return run


def replace(path):
    with replacement(path) as part:
        write(part, "new")


def points(tmp_path, before):
    """(folder, k, whether after it) of every operation of a replacement, and folders with the old one to replace."""
    path = tmp_path / "counted" / "model"
    path.parent.mkdir()
    if before:
        write(path)
    with pytest.MonkeyPatch.context() as patch:
        faults = Faults(patch, 0, False, None)
        replace(path)
    for k in range(1, faults.count + 1):
        for after in (False, True):
            path = tmp_path / f"{k}{after}" / "model"
            path.parent.mkdir()
            if before:
                write(path)
            yield path, k, after


@pytest.mark.parametrize("before", ["old", None])
@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_an_error_at_any_operation_leaves_old_or_new_and_no_parts(tmp_path, before, exchange, error):
    def fail():
        raise error

    for path, k, after in points(tmp_path, before):
        raised = None
        with pytest.MonkeyPatch.context() as patch:
            if not exchange:
                patch.setattr(files, "_exchange", lambda one, other: False)
            faults = Faults(patch, k, after, fail)
            try:
                replace(path)
            except (OSError, KeyboardInterrupt) as one:
                raised = one
        assert raised in (error, None)
        left = content(path) if path.exists() else None
        assert left in ("new", before)
        assert raised or left == "new"
        cleaning = faults.met == "rmtree" or left == "new"  # what is not removed there has a name of its own
        assert cleaning or os.listdir(path.parent) == (["model"] if left else [])


LEFT = [  # of an export that was killed, one moment after the other
    [],
    ["variables/variables_temp/part-00000-of-00001.data-00000-of-00001.tempstate1568130617"],
    ["variables/variables.index", "variables/variables_temp/part-00000-of-00001.index"],
    ["variables/variables.index", "saved_model.pb.tmp5bd3030004"],
    ["variables/variables.index", "saved_model.pb", "fingerprint.pb.tmp6a400b05fb"],
    ["variables/variables.index", "assets/class_names.txt", "assets/model.json"],
]


def put(folder, names):
    folder.mkdir()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no locks on folders, so nothing is swept")
def test_what_killed_exports_left_is_swept_by_the_next_one_to_the_path(tmp_path):
    for number, names in enumerate(LEFT):
        put(tmp_path / f".0000000{number}.model", names)
    write(tmp_path / ".0000000a.model", assets=["words.txt"])  # the old one, which had been exchanged
    write(tmp_path / ".0000000b.model.old")
    with replacement(tmp_path / "model") as part:
        write(part, "new")
        assert sorted(os.listdir(tmp_path)) == [".0000000b.model.old", part.name]  # it may be the only whole one
    replace(tmp_path / "model")
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no locks on folders, so nothing is swept")
def test_nothing_else_is_swept(tmp_path):
    for name in ("thesis.tex", "variables/thesis.tex", "assets/thesis.tex", ".git/x"):
        put(tmp_path / f".{len(name):08x}.model", [name, "saved_model.pb"])
    for name in (".0000000.model", ".0000000g.model", ".00000000.models", ".00000000.other", "00000000.model"):
        put(tmp_path / name, [])
    put(tmp_path / "outside", LEFT[1])
    (tmp_path / ".99999999.model").symlink_to("outside")
    (tmp_path / ".99999990.model").write_text("mine")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    with replacement(tmp_path / "model") as mine:
        write(mine, "new")
        replace(tmp_path / "model")  # another one to the same path, at the same time
        assert content(mine) == "new"
    shutil.rmtree(tmp_path / "model")
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def killed():
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the signal may take a moment


@pytest.mark.skipif(not hasattr(os, "fork"), reason="ends copies of this process")
def test_a_kill_at_any_operation_leaves_old_or_new(tmp_path):
    ends = []
    for path, k, after in points(tmp_path, "old"):
        if after:
            continue  # nothing lies between it and the next one
        child = os.fork()
        if not child:
            Faults(pytest.MonkeyPatch(), k, after, killed)
            replace(path)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        ends.append(content(path))
        replace(path)
        assert content(path) == "new"
        assert os.listdir(path.parent) == ["model"]
    assert set(ends) == {"old", "new"}
    assert len(ends) > 20
