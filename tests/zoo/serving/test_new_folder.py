"""The folder of a format's files: what may be replaced, at the start and when the new one is whole."""

import pytest

from zoo.serving.plain_folder import check_folder, new_folder

pytestmark = pytest.mark.backend_free
FILES = ("model.onnx",)


def write(folder, text):
    (folder / "model.onnx").write_text(text)
    (folder / "model.json").write_text('{"format": "onnx"}')


def replace(path, overwrite, meanwhile=lambda: None):
    with new_folder(path, overwrite, FILES) as part:
        write(part, "new")
        meanwhile()


def test_only_regular_files_of_the_format_are_replaced(tmp_path):
    path = tmp_path / "model"
    replace(path, False)
    check_folder(path, True, FILES)
    (path / "model.json").unlink()
    for put in ((path / "model.json").mkdir, lambda: (path / "model.json").symlink_to("model.onnx")):
        put()
        with pytest.raises(FileExistsError, match=r"must be a folder of model\.onnx, model\.json alone"):
            check_folder(path, True, FILES)
        (path / "model.json").rmdir() if not (path / "model.json").is_symlink() else (path / "model.json").unlink()
    (path / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match="alone, as it was written, where overwrite=True replaces it"):
        check_folder(path, True, FILES)


def test_what_came_meanwhile_is_kept(tmp_path):
    path = tmp_path / "model"

    def another():
        path.mkdir()
        write(path, "theirs")

    with pytest.raises(FileExistsError, match="exists already; pass overwrite=True"):
        replace(path, False, another)
    assert (path / "model.onnx").read_text() == "theirs"
    with pytest.raises(FileExistsError, match="alone, as it was written, where overwrite=True"):
        replace(path, True, (path / "thesis.tex").touch)
    (path / "thesis.tex").unlink()
    replace(path, True)
    assert (path / "model.onnx").read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["model"]
