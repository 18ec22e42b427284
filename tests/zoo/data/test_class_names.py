"""Names of classes, where a data set has them."""

import pytest
import tiny
from pictures import CLASSES, write_pictures

from zoo.data.class_names import class_names

pytestmark = pytest.mark.backend_free


def test_folders_are_named_in_the_order_of_their_labels(tmp_path):
    write_pictures(tmp_path)
    assert class_names(tmp_path) == list(CLASSES)


def test_prepared_sets_have_a_file_of_names(tmp_path):
    assert class_names("mnist", tmp_path) is None
    for version in ("3.0.2", "3.0.10", "3.0.1.incomplete"):
        folder = tmp_path / "cifar10" / version
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").write_text("{}")
        (folder / "label.labels.txt").write_text(f"cat\nof {version}\n")
    assert class_names("cifar10", tmp_path) == ["cat", "of 3.0.10"]


def test_numbers_have_no_names(tmp_path):
    assert class_names("digits", tmp_path) is None
    assert class_names(tiny.write_npz(tmp_path / "a.npz")) is None
