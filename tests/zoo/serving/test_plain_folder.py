"""A folder of another format is replaced only where it is what an export wrote."""

import pytest

from zoo.serving.plain_folder import check_folder

pytestmark = pytest.mark.backend_free
FILES = ("model.onnx",)


def put(folder, about='{"format": "onnx"}'):
    folder.mkdir()
    (folder / "model.onnx").write_text("graph")
    if about is not None:
        (folder / "model.json").write_text(about)
    return folder


def test_an_export_and_an_empty_folder_may_be_replaced(tmp_path):
    check_folder(put(tmp_path / "model"), True, FILES)
    (tmp_path / "empty").mkdir()
    check_folder(tmp_path / "empty", True, FILES)
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        check_folder(tmp_path / "model", False, FILES)


@pytest.mark.parametrize(
    "about", [None, "{", "[]", "{}", '{"format": 1}', '{"format": "openvino"}', '{"format": "saved_model"}', '{"a": 2}']
)
def test_a_model_of_the_user_s_own_is_kept(tmp_path, about):
    with pytest.raises(FileExistsError, match=r"must be a folder of model\.onnx, model\.json alone, as it was written"):
        check_folder(put(tmp_path / "model", about), True, FILES)


def test_folders_and_links_by_the_names_of_files_are_kept(tmp_path):
    (put(tmp_path / "model") / "model.onnx").unlink()
    (tmp_path / "linked").symlink_to("model")
    for make in (
        lambda path: path.mkdir(),
        lambda path: path.symlink_to("model.json"),
        lambda path: path.symlink_to("nowhere"),
    ):
        make(tmp_path / "model/model.onnx")
        for path in ("model", "linked"):
            with pytest.raises(FileExistsError, match="alone, as it was written"):
                check_folder(tmp_path / path, True, FILES)
        file = tmp_path / "model/model.onnx"
        file.unlink() if file.is_symlink() else file.rmdir()
